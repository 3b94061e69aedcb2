// Command http_server serves HTTP on a free port and counts its calls. It needs a server of tallywire and a key with
// the scope ingest:
//
//	TALLYWIRE_ADDRESS=127.0.0.1:50051 TALLYWIRE_API_KEY=... go run ./examples/http_server
//
// It ends in order after SIGINT and SIGTERM: first the HTTP server, and then the tracker.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	tallywire "github.com/tallywire/tallywire/clients/go"
	"github.com/tallywire/tallywire/clients/go/event"
	"github.com/tallywire/tallywire/clients/go/tallyhttp"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Getenv("TALLYWIRE_ADDRESS"), os.Getenv("TALLYWIRE_API_KEY")); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, address, key string) error {
	tracker, err := tallywire.NewTracker(address, key)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /orders/{id}", func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintln(w, "order", r.PathValue("id"))
	})
	identify := func(r *http.Request) event.Stamp { return event.Stamp{Agent: r.Header.Get("X-Agent")} }
	server := &http.Server{
		Handler:           tallyhttp.Handler(mux, tracker, tallyhttp.WithIdentify(identify)),
		ReadHeaderTimeout: 10 * time.Second,
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println("listening on", listener.Addr())
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err = <-failed:
	case <-ctx.Done():
		end, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		err = server.Shutdown(end)
	}
	err = errors.Join(err, tracker.Close(context.Background()))
	fmt.Printf("tracked: %+v\n", tracker.Stats())
	return err
}
