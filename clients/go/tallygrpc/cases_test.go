package tallygrpc_test

import (
	"context"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/tallywire/tallywire/clients/go/internal/calls/cases"
	"github.com/tallywire/tallywire/clients/go/tallygrpc"
)

// served returns what a call that ends with an error becomes.
func served(method string, failure error, options ...tallygrpc.Option) recorder {
	kept := make(recorder, 1)
	handler := func(context.Context, any) (any, error) { return nil, failure }
	_, _ = tallygrpc.Unary(kept, options...)(context.Background(), nil, &grpc.UnaryServerInfo{FullMethod: method}, handler)
	return kept
}

func TestTheCasesOfEveryClient(t *testing.T) {
	all := cases.Load(t, "../../conformance/middleware.json")
	for _, one := range all.LeftOut {
		if one.Protocol != "grpc" {
			continue
		}
		var options []tallygrpc.Option
		if one.Exclude != nil {
			options = append(options, tallygrpc.WithExclude(one.Exclude...))
		}
		if events := served(one.Path, nil, options...); (len(events) == 0) != one.LeftOut {
			t.Errorf("%+v became %d events", one, len(events))
		}
	}
	for name, wanted := range all.Statuses {
		var code codes.Code
		if err := code.UnmarshalJSON([]byte(`"` + name + `"`)); err != nil {
			t.Fatal(err)
		}
		call := (<-served("/shop.v1.OrderService/GetOrder", status.Error(code, "scripted"))).GetApi()
		if call.GetStatusCode() != wanted || call.GetMethod() != all.GRPCMethod {
			t.Errorf("%s became %v", name, call)
		}
	}
}
