// Package scripted has a server for tests whose answers are functions of the test.
package scripted

import (
	"context"
	"net"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/tallywire/tallywire/clients/go/tallywirev1"
)

// Server answers by its functions; a method without one is UNIMPLEMENTED.
type Server struct {
	tallywirev1.UnimplementedEventServiceServer
	tallywirev1.UnimplementedMetricsServiceServer
	tallywirev1.UnimplementedDirectoryServiceServer
	tallywirev1.UnimplementedCustomMetricServiceServer
	tallywirev1.UnimplementedPrivacyServiceServer
	tallywirev1.UnimplementedRealtimeServiceServer

	OnTrackEvent   func(context.Context, *tallywirev1.TrackEventRequest) (*tallywirev1.TrackEventResponse, error)
	OnTrackEvents  func(context.Context, *tallywirev1.TrackEventsRequest) (*tallywirev1.TrackEventsResponse, error)
	OnGetOverview  func(context.Context, *tallywirev1.GetOverviewRequest) (*tallywirev1.GetOverviewResponse, error)
	OnListAgents   func(context.Context, *tallywirev1.ListAgentsRequest) (*tallywirev1.ListAgentsResponse, error)
	OnExportUser   func(tallywirev1.PrivacyService_ExportUserServer) error
	OnWatchUpdates func(*tallywirev1.WatchUpdatesRequest, tallywirev1.RealtimeService_WatchUpdatesServer) error
	OnWatchMetrics func(*tallywirev1.WatchMetricsRequest, tallywirev1.RealtimeService_WatchMetricsServer) error

	// Address is where it listens.
	Address string
	server  *grpc.Server
}

// Start serves until the end of the test.
func (s *Server) Start(t testing.TB, options ...grpc.ServerOption) *Server {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.Address, s.server = listener.Addr().String(), grpc.NewServer(options...)
	tallywirev1.RegisterEventServiceServer(s.server, s)
	tallywirev1.RegisterMetricsServiceServer(s.server, s)
	tallywirev1.RegisterDirectoryServiceServer(s.server, s)
	tallywirev1.RegisterCustomMetricServiceServer(s.server, s)
	tallywirev1.RegisterPrivacyServiceServer(s.server, s)
	tallywirev1.RegisterRealtimeServiceServer(s.server, s)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = s.server.Serve(listener)
	}()
	t.Cleanup(func() {
		s.Stop()
		<-ended
	})
	return s
}

// Stop ends all connections.
func (s *Server) Stop() {
	s.server.Stop()
}

// TrackEvent answers by OnTrackEvent.
func (s *Server) TrackEvent(ctx context.Context, r *tallywirev1.TrackEventRequest) (*tallywirev1.TrackEventResponse, error) {
	if s.OnTrackEvent == nil {
		return s.UnimplementedEventServiceServer.TrackEvent(ctx, r)
	}
	return s.OnTrackEvent(ctx, r)
}

// TrackEvents answers by OnTrackEvents.
func (s *Server) TrackEvents(ctx context.Context, r *tallywirev1.TrackEventsRequest) (*tallywirev1.TrackEventsResponse, error) {
	if s.OnTrackEvents == nil {
		return s.UnimplementedEventServiceServer.TrackEvents(ctx, r)
	}
	return s.OnTrackEvents(ctx, r)
}

// GetOverview answers by OnGetOverview.
func (s *Server) GetOverview(ctx context.Context, r *tallywirev1.GetOverviewRequest) (*tallywirev1.GetOverviewResponse, error) {
	if s.OnGetOverview == nil {
		return s.UnimplementedMetricsServiceServer.GetOverview(ctx, r)
	}
	return s.OnGetOverview(ctx, r)
}

// ListAgents answers by OnListAgents.
func (s *Server) ListAgents(ctx context.Context, r *tallywirev1.ListAgentsRequest) (*tallywirev1.ListAgentsResponse, error) {
	if s.OnListAgents == nil {
		return s.UnimplementedDirectoryServiceServer.ListAgents(ctx, r)
	}
	return s.OnListAgents(ctx, r)
}

// ExportUser answers by OnExportUser.
func (s *Server) ExportUser(r *tallywirev1.ExportUserRequest, stream tallywirev1.PrivacyService_ExportUserServer) error {
	if s.OnExportUser == nil {
		return s.UnimplementedPrivacyServiceServer.ExportUser(r, stream)
	}
	return s.OnExportUser(stream)
}

// WatchUpdates answers by OnWatchUpdates.
func (s *Server) WatchUpdates(r *tallywirev1.WatchUpdatesRequest, stream tallywirev1.RealtimeService_WatchUpdatesServer) error {
	if s.OnWatchUpdates == nil {
		return s.UnimplementedRealtimeServiceServer.WatchUpdates(r, stream)
	}
	return s.OnWatchUpdates(r, stream)
}

// WatchMetrics answers by OnWatchMetrics.
func (s *Server) WatchMetrics(r *tallywirev1.WatchMetricsRequest, stream tallywirev1.RealtimeService_WatchMetricsServer) error {
	if s.OnWatchMetrics == nil {
		return s.UnimplementedRealtimeServiceServer.WatchMetrics(r, stream)
	}
	return s.OnWatchMetrics(r, stream)
}

// Accept answers a batch with a result for each event: ACCEPTED, and DUPLICATE for ids that it was told are known.
func Accept(r *tallywirev1.TrackEventsRequest, isKnown func(id string) bool) *tallywirev1.TrackEventsResponse {
	response := &tallywirev1.TrackEventsResponse{}
	for _, e := range r.GetEvents() {
		result := &tallywirev1.EventResult{EventId: e.GetEventId(), Status: tallywirev1.EventStatus_EVENT_STATUS_ACCEPTED}
		if isKnown != nil && isKnown(e.GetEventId()) {
			result.Status = tallywirev1.EventStatus_EVENT_STATUS_DUPLICATE
		}
		response.Results = append(response.Results, result)
	}
	return response
}

// Refusal returns an error as the service makes it; wait 0 is none.
func Refusal(code codes.Code, reason, field string, metadata map[string]string, wait time.Duration) error {
	details := []protoadapt.MessageV1{&errdetails.ErrorInfo{Reason: reason, Domain: "tallywire", Metadata: metadata}}
	if field != "" {
		violation := &errdetails.BadRequest_FieldViolation{Field: field, Description: "scripted"}
		details = append(details, &errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{violation}})
	}
	if wait > 0 {
		details = append(details, &errdetails.RetryInfo{RetryDelay: durationpb.New(wait)})
	}
	refusal, err := status.New(code, "scripted").WithDetails(details...)
	if err != nil {
		panic(err)
	}
	return refusal.Err()
}
