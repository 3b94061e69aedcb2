// Command webhook_receiver prints what the webhooks of tallywire say. It needs the secret that the service has shown when
// the destination was made; while a secret is rotated, both, with a blank between:
//
//	WEBHOOK_SECRETS=whsec_... go run ./examples/webhook_receiver
package main

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/tallywire/tallywire/clients/go/webhook"
)

const mostBytes = 1 << 20

func main() {
	verifier, err := webhook.NewVerifier(strings.Fields(os.Getenv("WEBHOOK_SECRETS")))
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /hooks", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, mostBytes))
		if err != nil {
			http.Error(w, "the body cannot be read", http.StatusBadRequest)
			return
		}
		event, err := verifier.Verify(r.Header, body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		fmt.Println(event.MessageID, event.Type, string(event.Data)) // a real one drops ids that it has had
		w.WriteHeader(http.StatusNoContent)
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("listening on", listener.Addr())
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		log.Fatal(err)
	}
}
