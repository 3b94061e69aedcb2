package tallygrpc_test

import (
	"context"
	"io"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	tallywire "github.com/tallywire/tallywire/clients/go"
	"github.com/tallywire/tallywire/clients/go/event"
	"github.com/tallywire/tallywire/clients/go/internal/scripted"
	"github.com/tallywire/tallywire/clients/go/tallygrpc"
	"github.com/tallywire/tallywire/clients/go/tallywirev1"
)

// recorder hands on what it is given.
type recorder chan *tallywirev1.Event

func (r recorder) Track(e event.Builder) bool {
	built, err := e.Build()
	if err != nil {
		panic(err)
	}
	r <- built
	return true
}

func serve(t *testing.T, to tallygrpc.Recorder, options ...tallygrpc.Option) (*scripted.Server, *grpc.ClientConn) {
	t.Helper()
	server := &scripted.Server{
		OnGetOverview: func(ctx context.Context, r *tallywirev1.GetOverviewRequest) (*tallywirev1.GetOverviewResponse, error) {
			switch r.GetTimeRange().GetTimeZone() {
			case "panics":
				panic("a fault")
			case "refused":
				return nil, status.Error(codes.NotFound, "refused")
			case "late":
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return &tallywirev1.GetOverviewResponse{Overview: &tallywirev1.Overview{}}, nil
		},
		OnExportUser: func(stream tallywirev1.PrivacyService_ExportUserServer) error {
			for range 2 {
				if err := stream.Send(&tallywirev1.ExportUserResponse{Lines: []string{"1234567890"}}); err != nil {
					return err
				}
			}
			return status.Error(codes.Aborted, "the end")
		},
	}
	recovers := func(ctx context.Context, r any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (response any, err error) {
		defer func() {
			if recover() != nil {
				err = status.Error(codes.Internal, "a fault")
			}
		}()
		return next(ctx, r)
	}
	server.Start(t,
		grpc.ChainUnaryInterceptor(recovers, tallygrpc.Unary(to, options...)),
		grpc.ChainStreamInterceptor(tallygrpc.Stream(to, options...)))
	connection, err := grpc.NewClient(server.Address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	return server, connection
}

const overview = "/tallywire.v1.MetricsService/GetOverview"

func TestUnaryCallsBecomeEvents(t *testing.T) {
	kept := make(recorder, 10)
	identify := func(context.Context) event.Stamp { return event.Stamp{Agent: "bot", User: "u"} }
	_, connection := serve(t, kept, tallygrpc.WithExclude("/grpc.health.v1.Health/*"), tallygrpc.WithIdentify(identify))
	metrics := tallywirev1.NewMetricsServiceClient(connection)
	for zone, wanted := range map[string]int32{"": 200, "panics": 500, "refused": 404, "late": 504} {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		if zone == "late" {
			ctx, cancel = context.WithTimeout(context.Background(), 50*time.Millisecond)
		}
		_, _ = metrics.GetOverview(ctx, &tallywirev1.GetOverviewRequest{TimeRange: &tallywirev1.TimeRange{TimeZone: zone}})
		made := <-kept
		cancel()
		call := made.GetApi()
		if call.GetEndpoint() != overview || call.GetMethod() != "GRPC" || call.LatencyMs == nil || made.GetAgentId() != "bot" {
			t.Errorf("%q became %v", zone, made)
		}
		if got := call.GetStatusCode(); got != wanted && (zone != "late" || got != 499) { // whichever the server saw first
			t.Errorf("%q counts as %d", zone, got)
		}
		if (call.GetRequestBytes() == 0) || (call.GetResponseBytes() == 0) != (zone != "") {
			t.Errorf("%q has %d bytes and %d", zone, call.GetRequestBytes(), call.GetResponseBytes())
		}
	}
}

func TestStreamsBecomeEvents(t *testing.T) {
	kept := make(recorder, 10)
	_, connection := serve(t, kept, tallygrpc.WithExclude())
	stream, err := tallywirev1.NewPrivacyServiceClient(connection).ExportUser(context.Background(), &tallywirev1.ExportUserRequest{UserId: "u"})
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = stream.Recv()
	}
	call := (<-kept).GetApi()
	if call.GetEndpoint() != "/tallywire.v1.PrivacyService/ExportUser" || call.GetStatusCode() != 409 ||
		call.GetRequestBytes() != 3 || call.GetResponseBytes() != 24 {
		t.Errorf("it became %v, and ended with %v", call, err)
	}
}

func TestWhatIsLeftOut(t *testing.T) {
	kept := make(recorder, 10)
	server := grpc.NewServer(grpc.UnaryInterceptor(tallygrpc.Unary(kept)))
	healthpb.RegisterHealthServer(server, health.NewServer())
	interceptor := tallygrpc.Unary(kept)
	for _, method := range []string{"/grpc.health.v1.Health/Check", "/grpc.reflection.v1.ServerReflection/X", overview} {
		handler := func(context.Context, any) (any, error) { return nil, io.EOF }
		_, _ = interceptor(context.Background(), nil, &grpc.UnaryServerInfo{FullMethod: method}, handler)
	}
	sampled := tallygrpc.Unary(kept, tallygrpc.WithSample(0))
	_, _ = sampled(context.Background(), nil, &grpc.UnaryServerInfo{FullMethod: "/a.B/C"}, func(context.Context, any) (any, error) { return nil, nil })
	if len(kept) != 0 {
		t.Errorf("%d calls were counted, one of them %v", len(kept), <-kept)
	}
	server.Stop()
}

func TestCallsDoNotNeedTheService(t *testing.T) {
	tracker, err := tallywire.NewTracker("127.0.0.1:1", "key")
	if err != nil {
		t.Fatal(err)
	}
	_, connection := serve(t, tracker, tallygrpc.WithExclude())
	metrics := tallywirev1.NewMetricsServiceClient(connection)
	for range 50 {
		if _, err := metrics.GetOverview(context.Background(), &tallywirev1.GetOverviewRequest{}); err != nil {
			t.Fatal(err)
		}
	}
	if stats := tracker.Stats(); stats.Pending != 50 {
		t.Errorf("stats are %+v", stats)
	}
	done, cancel := context.WithCancel(context.Background())
	cancel()
	if err := tracker.Close(done); err == nil {
		t.Error("the events have an outcome")
	}
}
