package tallywire

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"
)

const (
	// The server lets 100 calls of a connection be under way; the rest is for streams.
	callsPerConnection  = 90
	keepaliveInterval   = 10 * time.Second
	reconnectFirst      = 200 * time.Millisecond
	reconnectLongest    = 5 * time.Second
	connectTimeout      = 20 * time.Second
	maxReceivedMessage  = 16 << 20
	authorizationHeader = "authorization"
)

// bearer is an API key that is never printed.
type bearer struct{ key string }

func (bearer) String() string   { return "(API key)" }
func (bearer) GoString() string { return "(API key)" }

// GetRequestMetadata returns the header of a call.
func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{authorizationHeader: "Bearer " + b.key}, nil
}

// RequireTransportSecurity returns false: connection refuses plaintext itself where it is not wanted.
func (bearer) RequireTransportSecurity() bool { return false }

// connections are those of one client, all to the same addresses.
type connections struct {
	addresses []string
	all       []*grpc.ClientConn
	// slots has one element for each unary call that may still begin: the connection that it is to use.
	slots   chan *grpc.ClientConn
	streams atomic.Uint32
}

// connect returns connections, which connect with their first call.
func connect(addresses []string, key string, settings *settings) (*connections, error) {
	transport, err := transportOf(addresses, settings)
	if err != nil {
		return nil, err
	}
	if key == "" || strings.ContainsFunc(key, func(r rune) bool { return r < '!' || r > '~' }) {
		// The key itself stays out of the message, which may be logged.
		return nil, invalid("key", "it is empty or holds a character that is not visible ASCII, such as a line break")
	}
	made := &connections{
		addresses: addresses,
		slots:     make(chan *grpc.ClientConn, callsPerConnection*settings.connections),
	}
	for i := range settings.connections {
		connection, err := dial(rotated(addresses, i), bearer{key}, transport)
		if err != nil {
			_ = made.close()
			return nil, invalid("addresses", "%v", err)
		}
		made.all = append(made.all, connection)
	}
	for range callsPerConnection {
		for _, connection := range made.all {
			made.slots <- connection
		}
	}
	return made, nil
}

// forStream returns the connection of the next stream.
func (c *connections) forStream() *grpc.ClientConn {
	return c.all[int(c.streams.Add(1)-1)%len(c.all)]
}

// close ends all connections.
func (c *connections) close() error {
	var failures []error
	for _, connection := range c.all {
		failures = append(failures, connection.Close())
	}
	return errors.Join(failures...)
}

// allInTurn has calls go to all servers in turn, and pass over those that do not answer.
const allInTurn = `{"loadBalancingConfig": [{"round_robin": {}}]}`

// rotated returns addresses beginning with another one for each connection, so that they spread over servers.
func rotated(addresses []string, by int) []string {
	by %= len(addresses)
	return append(append([]string{}, addresses[by:]...), addresses[:by]...)
}

func dial(addresses []string, key bearer, transport credentials.TransportCredentials) (*grpc.ClientConn, error) {
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(transport),
		grpc.WithPerRPCCredentials(key),
		grpc.WithUserAgent("tallywire-go/" + Version),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxReceivedMessage)),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: keepaliveInterval, Timeout: keepaliveInterval}),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff: backoff.Config{
				BaseDelay: reconnectFirst, Multiplier: 1.6, Jitter: 0.2, MaxDelay: reconnectLongest,
			},
			MinConnectTimeout: connectTimeout,
		}),
		// Retries are the client's own: gRPC would repeat old bytes, and hide refusals from pacing.
		grpc.WithDisableRetry(),
		grpc.WithDisableServiceConfig(),
		grpc.WithDefaultServiceConfig(allInTurn),
	}
	if transport.Info().SecurityProtocol == "insecure" {
		options = append(options, grpc.WithNoProxy()) // which would see the key
	}
	if len(addresses) == 1 {
		return grpc.NewClient(targetOf(addresses[0]), options...)
	}
	list := manual.NewBuilderWithScheme("tallywire")
	state := resolver.State{}
	for _, address := range addresses {
		state.Endpoints = append(state.Endpoints, resolver.Endpoint{
			Addresses: []resolver.Address{{Addr: address, ServerName: hostOf(address)}},
		})
	}
	list.InitialState(state)
	return grpc.NewClient("tallywire:///"+hostOf(addresses[0]), append(options, grpc.WithResolvers(list))...)
}

func targetOf(address string) string {
	if strings.HasPrefix(address, "unix:") || strings.HasPrefix(address, "unix-abstract:") {
		return address
	}
	if strings.HasPrefix(address, "dns:") {
		return address
	}
	return "dns:///" + address
}

// transportOf returns TLS, or plaintext where it is asked for or nobody can listen.
func transportOf(addresses []string, settings *settings) (credentials.TransportCredentials, error) {
	if len(addresses) == 0 {
		return nil, invalid("addresses", "there is none; one is host:port, for example 127.0.0.1:50051")
	}
	local := true
	for _, address := range addresses {
		if address == "" || strings.TrimSpace(address) != address {
			return nil, invalid("addresses", "an address is host:port, for example 127.0.0.1:50051, and not %q", address)
		}
		local = local && isLocal(address)
	}
	wantsTLS := settings.roots != nil || settings.chain != nil || settings.privateKey != nil || settings.tls != nil
	if settings.insecure && wantsTLS {
		return nil, invalid("insecure", "it contradicts the certificates")
	}
	if settings.insecure || local && !wantsTLS {
		return insecure.NewCredentials(), nil
	}
	config, err := settings.tlsConfig()
	if err != nil {
		return nil, err
	}
	return credentials.NewTLS(config), nil
}

func (s *settings) tlsConfig() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if s.tls != nil {
		config = s.tls.Clone()
	}
	if s.roots != nil {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(s.roots) {
			return nil, invalid("root certificates", "they hold no certificate in PEM")
		}
	}
	if (s.chain == nil) != (s.privateKey == nil) {
		return nil, invalid("client certificate", "a certificate chain and its private key go together")
	}
	if s.chain != nil {
		certificate, err := tls.X509KeyPair(s.chain, s.privateKey)
		if err != nil {
			return nil, invalid("client certificate", "the chain and the private key do not fit: %v", err)
		}
		config.Certificates = []tls.Certificate{certificate}
	}
	return config, nil
}

// isLocal reports whether an address can only lead to this machine.
func isLocal(address string) bool {
	if strings.HasPrefix(address, "unix:") || strings.HasPrefix(address, "unix-abstract:") {
		return true
	}
	if rest, isDNS := strings.CutPrefix(address, "dns:"); isDNS {
		// A name server of its own (dns://server/name) may answer anything, also for localhost.
		if strings.HasPrefix(rest, "//") && !strings.HasPrefix(rest, "///") {
			return false
		}
		address = strings.TrimLeft(rest, "/")
	}
	host := hostOf(address)
	if strings.EqualFold(host, "localhost") {
		return true
	}
	parsed, err := netip.ParseAddr(host)
	return err == nil && parsed.Unmap().IsLoopback()
}

// hostOf returns the host of host:port, [host]:port or a bare host.
func hostOf(address string) string {
	if host, _, err := net.SplitHostPort(address); err == nil {
		return host
	}
	return strings.Trim(address, "[]")
}
