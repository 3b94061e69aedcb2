// Command plain_stubs asks with nothing but generated code: for those who want no client. It needs a server and a key
// with the scope read:
//
//	TALLYWIRE_ADDRESS=127.0.0.1:50051 TALLYWIRE_API_KEY=... go run ./examples/plain_stubs ../python/src/tallywire/service_config.json
//
// The argument is the published service config, with timeouts and retries of questions. Do not use it for events: send
// them again in your own code, with the same event_id and a new sent_at (see docs/clients.md).
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/tallywire/tallywire/clients/go/tallywirev1"
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("the argument is the path of service_config.json")
	}
	if err := run(os.Getenv("TALLYWIRE_ADDRESS"), os.Getenv("TALLYWIRE_API_KEY"), os.Args[1]); err != nil {
		log.Fatal(err)
	}
}

func run(address, key, configPath string) error {
	config, err := os.ReadFile(configPath)
	if err != nil {
		return err
	}
	connection, err := grpc.NewClient(address,
		grpc.WithTransportCredentials(insecure.NewCredentials()), // this machine; elsewhere credentials.NewTLS
		grpc.WithNoProxy(),
		grpc.WithDefaultServiceConfig(string(config)),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 10 * time.Second, Timeout: 10 * time.Second}),
	)
	if err != nil {
		return err
	}
	defer func() { _ = connection.Close() }()

	ctx := metadata.AppendToOutgoingContext(context.Background(), "authorization", "Bearer "+key)
	now := time.Now()
	answer, err := tallywirev1.NewMetricsServiceClient(connection).GetOverview(ctx, &tallywirev1.GetOverviewRequest{
		TimeRange: &tallywirev1.TimeRange{Start: timestamppb.New(now.Add(-time.Hour)), End: timestamppb.New(now)},
	})
	if err != nil {
		return err
	}
	// The fields are pointers, nil where a figure is absent; the getters would return 0.
	if messages := answer.GetOverview().TotalMessages; messages != nil {
		fmt.Println("messages:", *messages)
	}
	return nil
}
