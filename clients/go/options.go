package tallywire

import (
	"crypto/tls"
	"log/slog"
	"time"
)

const (
	defaultTimeout = 30 * time.Second
)

// Option is a choice for [New] and, beside choices of its own, for [NewTracker].
type Option interface {
	TrackerOption
	applyToClient(settings *settings)
}

// settings are what the options of a client say.
type settings struct {
	addresses    []string
	roots        []byte
	chain        []byte
	privateKey   []byte
	tls          *tls.Config
	insecure     bool
	connections  int
	timeout      time.Duration
	hidesClock   bool
	correctClock bool
	logger       *slog.Logger
}

type option func(settings *settings)

func (o option) applyToClient(settings *settings)         { o(settings) }
func (o option) applyToTracker(settings *trackerSettings) { o(&settings.settings) }

func newSettings(address string) settings {
	return settings{addresses: []string{address}, connections: 1, timeout: defaultTimeout}
}

func (s *settings) check() error {
	if s.connections < 1 {
		return invalid("connections", "there is at least 1, not %d", s.connections)
	}
	if s.timeout <= 0 {
		return invalid("timeout", "it is longer than 0, not %v", s.timeout)
	}
	if s.correctClock && s.hidesClock {
		return invalid("correct clock", "it needs the time of sending, which the server compares with its own clock")
	}
	return nil
}

// WithAddresses names further addresses of the same service: calls go to all that answer in turn.
func WithAddresses(addresses ...string) Option {
	return option(func(s *settings) { s.addresses = append(s.addresses, addresses...) })
}

// WithRootCertificates asks for TLS with an authority of your own, in PEM, in place of the system's.
func WithRootCertificates(pem []byte) Option {
	return option(func(s *settings) { s.roots = orEmpty(pem) })
}

// WithClientCertificate asks for mutual TLS, with a certificate chain and its private key in PEM.
func WithClientCertificate(chain, privateKey []byte) Option {
	return option(func(s *settings) { s.chain, s.privateKey = chain, privateKey })
}

// WithTLS asks for TLS with a configuration of your own; certificates of other options are added to a copy.
func WithTLS(config *tls.Config) Option {
	return option(func(s *settings) { s.tls = config })
}

// WithInsecure asks for plaintext to every address. Without it, plaintext is spoken to loopback addresses and unix
// sockets only, and TLS to all others.
func WithInsecure() Option {
	return option(func(s *settings) { s.insecure = true })
}

// WithConnections opens several connections, which calls use in turn: server processes share a port by connections,
// and one connection has at most 90 calls under way.
func WithConnections(number int) Option {
	return option(func(s *settings) { s.connections = number })
}

// WithTimeout bounds calls whose context has no deadline, with all their attempts: 30 seconds unless chosen otherwise.
func WithTimeout(timeout time.Duration) Option {
	return option(func(s *settings) { s.timeout = timeout })
}

// WithoutSentAt leaves out what this machine's clock shows when events are sent: for imports of events that were
// recorded elsewhere.
func WithoutSentAt() Option {
	return option(func(s *settings) { s.hidesClock = true })
}

// WithCorrectClock asks the server to move the times of events by the error of this machine's clock, if that is more
// than 5 minutes: for devices whose clocks are known to be wrong, and never for events whose times come from elsewhere.
func WithCorrectClock() Option {
	return option(func(s *settings) { s.correctClock = true })
}

// orEmpty keeps nil apart from what was given.
func orEmpty(pem []byte) []byte {
	if pem == nil {
		return []byte{}
	}
	return pem
}
