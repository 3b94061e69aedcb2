// Package tallywire is the client of tallywire: track events of AI agents, chatbots and call-centre agents, and read
// exact figures.
//
// A [Tracker] is for programs that must neither wait nor fail: it takes events in, and sends them in the background,
// again with the same ids where their outcome is unknown. A [Client] is for those that want to know that an event is
// stored, and that ask.
//
//	tracker, err := tallywire.NewTracker("127.0.0.1:50051", key)
//	...
//	defer tracker.Close(context.Background())
//	tracker.Track(event.MessageSent().Agent("support-bot").Conversation("c1").ResponseTime(820 * time.Millisecond))
//
// Package event builds events, package answer has what the service answers, and package tallywirev1 the messages of the
// contract. Package tallyhttp and tallygrpc are middleware that counts the calls of your own servers. Package webhook
// verifies what a webhook gets.
//
// Calls are bounded by their context; one without a deadline gets the client's timeout, 30 seconds unless chosen
// otherwise. Their errors are of type [*Error].
package tallywire

// Version is the version of this client.
const Version = "0.1.0"
