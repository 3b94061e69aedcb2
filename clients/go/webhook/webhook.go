// Package webhook makes sure that what a webhook gets is from tallywire, is new, and was not changed on its way.
//
// Signatures are those of Standard Webhooks (https://www.standardwebhooks.com). The package needs nothing but the
// standard library.
package webhook

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// DefaultTolerance is how old a message may be, or how far ahead of this machine's clock.
const DefaultTolerance = 5 * time.Minute

const (
	headerID        = "Webhook-Id"
	headerTimestamp = "Webhook-Timestamp"
	headerSignature = "Webhook-Signature"
	prefix          = "whsec_"
	version         = "v1"
	mostDigits      = 14
)

// What is wrong with a message, for [errors.Is]. Answer each of them with 400, but ErrBadSecret, which [NewVerifier]
// returns: it is a fault of the receiver's settings.
var (
	// ErrMissingHeader says that webhook-id, webhook-timestamp or webhook-signature is missing or empty.
	ErrMissingHeader = errors.New("a header is missing")
	// ErrBadTimestamp says that webhook-timestamp is no number of seconds.
	ErrBadTimestamp = errors.New("webhook-timestamp is no number of seconds")
	// ErrTooOld says that the message was sent longer ago than the tolerance: somebody may be sending it again.
	ErrTooOld = errors.New("the message is too old")
	// ErrTooNew says that the message is dated further ahead than the tolerance: one of the two clocks is wrong.
	ErrTooNew = errors.New("the message is dated ahead: one of the two clocks is wrong")
	// ErrNoMatch says that no signature is by one of the secrets: the body was changed, or the secret is another one.
	ErrNoMatch = errors.New("no signature is by the secret: the body was changed, or the secret is another one")
	// ErrBadBody says that the signature is right and the body is no message of tallywire.
	ErrBadBody = errors.New("the body is signed and no message of tallywire")
	// ErrBadSecret says that a secret is none: it begins with whsec_ and goes on in base64.
	ErrBadSecret = errors.New("the secret is none: it begins with whsec_, and goes on in base64")
)

// Event is what a webhook was told.
type Event struct {
	// MessageID is the header webhook-id. Keep it for two days, and drop a message whose id you have had: after the death
	// of a worker of the service a message can come twice.
	MessageID string
	// Type is the type of the message, such as "report.finished".
	Type string
	// Timestamp is when the message was made.
	Timestamp time.Time
	// Data is the content, a JSON object that depends on the type.
	Data json.RawMessage
}

// Verifier checks messages by their signatures. It can be used by several goroutines.
type Verifier struct {
	keys      [][]byte
	tolerance time.Duration
	now       func() time.Time
}

// Option changes a [Verifier].
type Option func(*Verifier)

// WithTolerance says how old a message may be, or how far ahead of this machine's clock: [DefaultTolerance] unless given.
func WithTolerance(tolerance time.Duration) Option {
	return func(v *Verifier) { v.tolerance = tolerance }
}

// WithClock says what time it is, for tests.
func WithClock(now func() time.Time) Option {
	return func(v *Verifier) { v.now = now }
}

// NewVerifier returns a verifier for the secrets that CreateDestination or RotateSecret has shown: one, or several of
// which any may have signed. It fails with [ErrBadSecret] for none, and where one is no secret.
func NewVerifier(secrets []string, options ...Option) (*Verifier, error) {
	verifier := &Verifier{tolerance: DefaultTolerance, now: time.Now}
	for _, secret := range secrets {
		text := strings.TrimPrefix(strings.TrimSpace(secret), prefix)
		key, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "="))
		if err != nil || len(key) == 0 {
			return nil, ErrBadSecret // the error of base64 would show a part of the secret's place
		}
		verifier.keys = append(verifier.keys, key)
	}
	if len(verifier.keys) == 0 {
		return nil, fmt.Errorf("%w; none is given", ErrBadSecret)
	}
	for _, option := range options {
		option(verifier)
	}
	return verifier, nil
}

// Verify returns what a webhook was told, or an error of this package unless it can be believed. The body is what came,
// byte by byte: a parsed and printed copy has another signature.
func (v *Verifier) Verify(header http.Header, body []byte) (Event, error) {
	for _, name := range []string{headerID, headerTimestamp, headerSignature} {
		if header.Get(name) == "" {
			return Event{}, fmt.Errorf("%w: %s", ErrMissingHeader, strings.ToLower(name))
		}
	}
	id, timestamp, signatures := header.Get(headerID), header.Get(headerTimestamp), header.Get(headerSignature)
	if err := v.checkTime(timestamp); err != nil {
		return Event{}, err
	}
	signed := bytes.Join([][]byte{[]byte(id), []byte(timestamp), body}, []byte{'.'})
	if !v.isSigned(signed, strings.Fields(signatures)) {
		return Event{}, ErrNoMatch
	}
	return parse(id, body)
}

func (v *Verifier) checkTime(timestamp string) error {
	seconds, err := strconv.ParseUint(timestamp, 10, 63)
	if err != nil || len(timestamp) > mostDigits {
		return ErrBadTimestamp
	}
	switch age := v.now().Sub(time.Unix(int64(seconds), 0)); { // it has at most 63 bits
	case age > v.tolerance:
		return ErrTooOld
	case -age > v.tolerance:
		return ErrTooNew
	}
	return nil
}

// isSigned reports whether one of the signatures is by one of the keys; each is compared in the same time.
func (v *Verifier) isSigned(signed []byte, signatures []string) bool {
	for _, key := range v.keys {
		mac := hmac.New(sha256.New, key)
		mac.Write(signed)
		expected := []byte(base64.StdEncoding.EncodeToString(mac.Sum(nil)))
		for _, signature := range signatures {
			said, value, _ := strings.Cut(signature, ",")
			if said == version && hmac.Equal(expected, []byte(value)) {
				return true
			}
		}
	}
	return false
}

func parse(id string, body []byte) (Event, error) {
	var told struct {
		Type      *string         `json:"type"`
		Timestamp *time.Time      `json:"timestamp"`
		Data      json.RawMessage `json:"data"`
	}
	if !utf8.Valid(body) {
		return Event{}, ErrBadBody
	}
	if err := json.Unmarshal(body, &told); err != nil {
		return Event{}, fmt.Errorf("%w: %w", ErrBadBody, err)
	}
	if told.Type == nil || told.Timestamp == nil || !bytes.HasPrefix(told.Data, []byte{'{'}) {
		return Event{}, ErrBadBody
	}
	return Event{MessageID: id, Type: *told.Type, Timestamp: told.Timestamp.UTC(), Data: told.Data}, nil
}
