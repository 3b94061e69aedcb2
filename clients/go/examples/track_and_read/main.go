// Command track_and_read tracks a conversation and reads the figures of the last hour. It needs a server and a key with
// the scopes ingest and read:
//
//	TALLYWIRE_ADDRESS=127.0.0.1:50051 TALLYWIRE_API_KEY=... go run ./examples/track_and_read
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	tallywire "github.com/tallywire/tallywire/clients/go"
	"github.com/tallywire/tallywire/clients/go/event"
	"github.com/tallywire/tallywire/clients/go/tallywirev1"
)

func main() {
	if err := run(os.Getenv("TALLYWIRE_ADDRESS"), os.Getenv("TALLYWIRE_API_KEY")); err != nil {
		log.Fatal(err)
	}
}

func run(address, key string) error {
	ctx := context.Background()
	tracker, err := tallywire.NewTracker(address, key)
	if err != nil {
		return err
	}
	talk := tracker.With(event.Stamp{Conversation: event.NewID(), Agent: "support-bot", User: "u1", Channel: "web"})
	talk.Track(event.ConversationStarted())
	talk.Track(event.MessageReceived())
	talk.Track(event.MessageSent().ResponseTime(820 * time.Millisecond).Model("small-2").PromptTokens(120).CompletionTokens(40))
	talk.Track(event.ConversationResolved().Outcome("answered"))
	if err := tracker.Close(ctx); err != nil {
		return err
	}
	fmt.Printf("tracked: %+v\n", tracker.Stats())

	client, err := tallywire.New(address, key)
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	hour, err := client.GetOverview(ctx, &tallywirev1.GetOverviewRequest{TimeRange: tallywire.Last(time.Hour)})
	if err != nil {
		return err
	}
	fmt.Println("messages:", hour.Overview().TotalMessages())
	if score, known := hour.Overview().SatisfactionScore().Get(); known {
		fmt.Println("satisfaction:", score)
	} else {
		fmt.Println("satisfaction: nobody was asked")
	}
	return nil
}
