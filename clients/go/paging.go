package tallywire

import (
	"context"
	"iter"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// page is a response of a list in pages.
type page interface{ NextPageToken() string }

// allRows yields the rows of all pages, each page when the loop comes to it.
func allRows[Q proto.Message, P page, R any](
	ctx context.Context, list func(context.Context, Q) (P, error), request Q, rows func(P) []R,
) iter.Seq2[R, error] {
	return func(yield func(R, error) bool) {
		var none R
		next := proto.CloneOf(request)
		if !next.ProtoReflect().IsValid() { // nil asks for what an empty request asks for
			next = next.ProtoReflect().New().Interface().(Q)
		}
		token := next.ProtoReflect().Descriptor().Fields().ByName("page_token")
		for {
			page, err := list(ctx, next)
			if err != nil {
				yield(none, err)
				return
			}
			for _, row := range rows(page) {
				if !yield(row, nil) {
					return
				}
			}
			if page.NextPageToken() == "" {
				return
			}
			next.ProtoReflect().Set(token, protoreflect.ValueOfString(page.NextPageToken()))
		}
	}
}
