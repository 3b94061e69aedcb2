package tallywire_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	tallywire "github.com/tallywire/tallywire/clients/go"
	"github.com/tallywire/tallywire/clients/go/internal/scripted"
	"github.com/tallywire/tallywire/clients/go/tallywirev1"
)

func TestArgumentsThatCannotBeAreRefused(t *testing.T) {
	certificate := []byte("x")
	for name, made := range map[string]func() (*tallywire.Client, error){
		"no address":            func() (*tallywire.Client, error) { return tallywire.New("", key) },
		"a blank in an address": func() (*tallywire.Client, error) { return tallywire.New(" h:1", key) },
		"no key":                func() (*tallywire.Client, error) { return tallywire.New("h:1", "") },
		"a line break in a key": func() (*tallywire.Client, error) { return tallywire.New("h:1", "SECRET\n") },
		"insecure and certificates": func() (*tallywire.Client, error) {
			return tallywire.New("h:1", key, tallywire.WithInsecure(), tallywire.WithRootCertificates(certificate))
		},
		"a chain without its key": func() (*tallywire.Client, error) {
			return tallywire.New("h:1", key, tallywire.WithClientCertificate(certificate, nil))
		},
		"roots that are none": func() (*tallywire.Client, error) {
			return tallywire.New("h:1", key, tallywire.WithRootCertificates(certificate))
		},
		"no connection": func() (*tallywire.Client, error) { return tallywire.New("h:1", key, tallywire.WithConnections(0)) },
		"no time":       func() (*tallywire.Client, error) { return tallywire.New("h:1", key, tallywire.WithTimeout(0)) },
		"a clock that is hidden and corrected": func() (*tallywire.Client, error) {
			return tallywire.New("h:1", key, tallywire.WithoutSentAt(), tallywire.WithCorrectClock())
		},
	} {
		client, err := made()
		failure := tallywire.ErrorOf(err)
		if client != nil || failure == nil || !failure.Local || !errors.Is(err, tallywire.ErrInvalidArgument) {
			t.Errorf("%s: made %v, %v", name, client, err)
		}
		if err != nil && strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%s: the error has the key: %v", name, err)
		}
	}
}

func TestTheKeyIsNeverPrinted(t *testing.T) {
	server := (&scripted.Server{}).Start(t)
	client, tracker := clientOf(t, server), trackerOf(t, server)
	_, err := client.GetQuota(withPatience(t), nil)
	for _, what := range []any{client, tracker, err, *tallywire.ErrorOf(err)} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d"} {
			if printed := fmt.Sprintf(verb, what); strings.Contains(printed, key) {
				t.Errorf("%s of a %T has the key: %s", verb, what, printed)
			}
		}
	}
	if got := fmt.Sprint(client); !strings.Contains(got, server.Address) {
		t.Errorf("a client is printed as %s", got)
	}
}

func TestTLSAndMutualTLS(t *testing.T) {
	authority, issue := authorityOf(t)
	chain, private := issue("127.0.0.1", true)
	serverPair, err := tls.X509KeyPair(chain, private)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)
	serve := func(policy tls.ClientAuthType) *scripted.Server {
		config := &tls.Config{Certificates: []tls.Certificate{serverPair}, ClientAuth: policy, ClientCAs: roots}
		answer := func(context.Context, *tallywirev1.GetOverviewRequest) (*tallywirev1.GetOverviewResponse, error) {
			return &tallywirev1.GetOverviewResponse{}, nil
		}
		return (&scripted.Server{OnGetOverview: answer}).Start(t, grpc.Creds(credentials.NewTLS(config)))
	}
	open, mutual := serve(tls.NoClientCert), serve(tls.RequireAndVerifyClientCert)
	ownChain, ownKey := issue("a client", false)
	trusting := tallywire.WithRootCertificates(authority)
	for _, one := range []struct {
		name    string
		server  *scripted.Server
		options []tallywire.Option
		works   bool
	}{
		{"its own authority", open, []tallywire.Option{trusting}, true},
		{"the system's authorities", open, []tallywire.Option{tallywire.WithTLS(&tls.Config{MinVersion: tls.VersionTLS13})}, false},
		{"plaintext to TLS", open, nil, false},
		{"mutual TLS", mutual, []tallywire.Option{trusting, tallywire.WithClientCertificate(ownChain, ownKey)}, true},
		{"mutual TLS without a certificate", mutual, []tallywire.Option{trusting}, false},
		{"several addresses", open, []tallywire.Option{trusting, tallywire.WithAddresses("127.0.0.1:1")}, true},
	} {
		_, err := clientOf(t, one.server, one.options...).GetOverview(withPatience(t), nil)
		if one.works && err != nil || !one.works && !errors.Is(err, tallywire.ErrUnavailable) {
			t.Errorf("%s: ends with %v", one.name, err)
		}
	}
}

// authorityOf returns an authority in PEM, and what issues certificates by it.
func authorityOf(t *testing.T) ([]byte, func(name string, isServer bool) (chain, key []byte)) {
	t.Helper()
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	signer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	root := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "an authority"}, IsCA: true,
		BasicConstraintsValid: true, NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, root, root, signer.Public(), signer)
	must(err)
	issue := func(name string, isServer bool) ([]byte, []byte) {
		own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		must(err)
		leaf := &x509.Certificate{
			SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		}
		if isServer {
			leaf.IPAddresses = []net.IP{net.ParseIP(name)}
			leaf.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		}
		chain, err := x509.CreateCertificate(rand.Reader, leaf, root, own.Public(), signer)
		must(err)
		bytes, err := x509.MarshalPKCS8PrivateKey(own)
		must(err)
		return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: chain}),
			pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: bytes})
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), issue
}
