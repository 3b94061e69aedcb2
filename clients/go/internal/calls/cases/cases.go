// Package cases reads what middleware of all languages is held to, for tests.
package cases

import (
	"encoding/json"
	"os"
	"testing"
)

// Cases is what clients/conformance/middleware.json has.
type Cases struct {
	LeftOut []struct {
		Protocol string
		Exclude  []string
		Path     string
		LeftOut  bool `json:"left_out"`
	} `json:"left_out"`
	Methods    map[string]string
	GRPCMethod string `json:"grpc_method"`
	Statuses   map[string]int32
	Endpoints  []struct {
		Template      string
		Repeated      int
		EndpointBytes int `json:"endpoint_bytes"`
	}
	Sampled []struct {
		SampleRate float64 `json:"sample_rate"`
		Property   *float64
	}
}

// Load returns the cases of a file.
func Load(t *testing.T, path string) Cases {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var all Cases
	if err := json.Unmarshal(content, &all); err != nil {
		t.Fatal(err)
	}
	return all
}
