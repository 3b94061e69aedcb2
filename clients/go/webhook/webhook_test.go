package webhook_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"reflect"
	"testing"
	"time"

	"github.com/tallywire/tallywire/clients/go/webhook"
)

// problems are the words of the cases for errors.
var problems = map[string]error{
	"missing_header": webhook.ErrMissingHeader,
	"bad_timestamp":  webhook.ErrBadTimestamp,
	"too_old":        webhook.ErrTooOld,
	"too_new":        webhook.ErrTooNew,
	"no_match":       webhook.ErrNoMatch,
	"bad_body":       webhook.ErrBadBody,
	"bad_secret":     webhook.ErrBadSecret,
}

type event struct {
	MessageID string `json:"message_id"`
	Type      string
	Timestamp time.Time
	Data      any
}

type testCase struct {
	Name       string
	Secrets    []string
	Headers    map[string]string
	Body       string
	BodyBase64 []byte `json:"body_base64"`
	Now        int64
	Event      *event
	Error      string
}

// verified returns what the verifier says of a case.
func (c testCase) verified() (webhook.Event, error) {
	clock := webhook.WithClock(func() time.Time { return time.Unix(c.Now, 0) })
	verifier, err := webhook.NewVerifier(c.Secrets, clock)
	if err != nil {
		return webhook.Event{}, err
	}
	header := http.Header{}
	for name, value := range c.Headers {
		header.Set(name, value)
	}
	body := c.BodyBase64
	if body == nil {
		body = []byte(c.Body)
	}
	return verifier.Verify(header, body)
}

func TestTheCasesOfEveryClient(t *testing.T) {
	content, err := os.ReadFile("../../conformance/webhooks.json")
	if err != nil {
		t.Fatal(err)
	}
	var all struct{ Cases []testCase }
	if err := json.Unmarshal(content, &all); err != nil {
		t.Fatal(err)
	}
	if len(all.Cases) == 0 {
		t.Fatal("there are no cases")
	}
	for _, one := range all.Cases {
		t.Run(one.Name, func(t *testing.T) {
			got, err := one.verified()
			if !errors.Is(err, problems[one.Error]) {
				t.Fatalf("the error is %v in the place of %q", err, one.Error)
			}
			if one.Event == nil {
				return
			}
			var data any
			if err := json.Unmarshal(got.Data, &data); err != nil {
				t.Fatal(err)
			}
			told := event{MessageID: got.MessageID, Type: got.Type, Timestamp: got.Timestamp, Data: data}
			if !reflect.DeepEqual(told, *one.Event) {
				t.Errorf("the event is %+v in the place of %+v", told, *one.Event)
			}
		})
	}
}

func TestToleranceIsTheCallers(t *testing.T) {
	secret := []string{"whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}
	header := http.Header{}
	header.Set("webhook-id", "dlv_1")
	header.Set("webhook-timestamp", "1000")
	header.Set("webhook-signature", "v1,none")
	at := webhook.WithClock(func() time.Time { return time.Unix(1_010, 500) })
	for tolerance, wanted := range map[time.Duration]error{
		10 * time.Second: webhook.ErrTooOld,
		11 * time.Second: webhook.ErrNoMatch,
	} {
		verifier, err := webhook.NewVerifier(secret, at, webhook.WithTolerance(tolerance))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := verifier.Verify(header, nil); !errors.Is(err, wanted) {
			t.Errorf("with a tolerance of %v the error is %v", tolerance, err)
		}
	}
}
