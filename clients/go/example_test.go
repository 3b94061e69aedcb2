package tallywire_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	tallywire "github.com/tallywire/tallywire/clients/go"
	"github.com/tallywire/tallywire/clients/go/event"
	"github.com/tallywire/tallywire/clients/go/tallywirev1"
)

func ExampleTracker() {
	tracker, err := tallywire.NewTracker("127.0.0.1:50051", "tw_...")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = tracker.Close(context.Background()) }()
	talk := tracker.With(event.Stamp{Conversation: "c1", Agent: "support-bot", Channel: "web"})
	talk.Track(event.MessageReceived().User("u1"))
	talk.Track(event.MessageSent().User("u1").ResponseTime(820 * time.Millisecond))
}

func ExampleClient_GetOverview() {
	client, err := tallywire.New("127.0.0.1:50051", "tw_...")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	day, err := client.GetOverview(context.Background(), &tallywirev1.GetOverviewRequest{
		TimeRange: tallywire.Last(24 * time.Hour),
		Filter:    &tallywirev1.Filter{Channel: "web"},
	})
	switch {
	case errors.Is(err, tallywire.ErrUnavailable):
		log.Fatal("the service cannot be reached: ", err)
	case err != nil:
		log.Fatal(err)
	}
	if score, known := day.Overview().SatisfactionScore().Get(); known {
		fmt.Println(score)
	}
}

func ExampleClient_WatchUpdates() {
	client, err := tallywire.New("127.0.0.1:50051", "tw_...")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	for update, err := range client.WatchUpdates(context.Background(), &tallywirev1.WatchUpdatesRequest{}) {
		if errors.Is(err, tallywire.ErrRestored) {
			log.Fatal("read the figures anew: ", err)
		}
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(update.Revision(), update.ResumeToken()) // keep the token once the update is dealt with
	}
}

func ExampleFormatMicros() {
	fmt.Println(tallywire.FormatMicros(12_345_600))
	// Output: 12.3456
}
