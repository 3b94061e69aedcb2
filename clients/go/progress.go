package tallywire

import (
	"strconv"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"github.com/tallywire/tallywire/clients/go/tallywirev1"
)

// How long a server that lags behind another one may take to catch up.
const longestLag = 60 * time.Second

// stateProgress is the progress of WatchMetrics: revisions never go back, whichever server a connection leads to.
type stateProgress struct {
	request     *tallywirev1.WatchMetricsRequest
	heartbeats  bool
	revision    int64
	behindSince time.Time
}

func (p *stateProgress) next() proto.Message {
	return p.request
}

func (p *stateProgress) take(message *tallywirev1.WatchMetricsResponse) (*tallywirev1.WatchMetricsResponse, *Error) {
	if message.GetRevision() < p.revision {
		switch now := time.Now(); {
		case p.behindSince.IsZero():
			p.behindSince = now
		case now.Sub(p.behindSince) > longestLag:
			return nil, outOfSequence("revisions that have gone back and stay there", p.revision, message.GetRevision())
		}
		return nil, nil
	}
	p.revision, p.behindSince = message.GetRevision(), time.Time{}
	if message.GetState() == nil && !p.heartbeats {
		return nil, nil
	}
	return message, nil
}

// updateProgress is the progress of WatchUpdates: every revision once, in order, without a gap and whole.
type updateProgress struct {
	asked     *tallywirev1.WatchUpdatesRequest
	token     string
	bookmarks bool
	revision  int64
	isKnown   bool // whether revision is, which it is not before the first message
	begun     *tallywirev1.WatchUpdatesResponse
}

// next returns the request that goes on after the last whole revision; one that was cut off comes again.
func (p *updateProgress) next() proto.Message {
	p.begun = nil
	request := &tallywirev1.WatchUpdatesRequest{}
	if p.asked != nil {
		request = proto.CloneOf(p.asked)
	}
	request.ResumeAfter = p.token
	return request
}

func (p *updateProgress) take(message *tallywirev1.WatchUpdatesResponse) (*tallywirev1.WatchUpdatesResponse, *Error) {
	if err := p.check(message); err != nil {
		return nil, err
	}
	if p.begun != nil {
		p.begun.Changes = append(p.begun.Changes, message.GetChanges()...)
		p.begun.Events = append(p.begun.Events, message.GetEvents()...)
		p.begun.More, p.begun.ResumeToken = message.GetMore(), message.GetResumeToken()
		message = p.begun
	}
	if message.GetMore() {
		p.begun = message
		return nil, nil
	}
	p.begun = nil
	if message.GetResumeToken() == "" {
		return nil, outOfSequence("a message without a token", -1, message.GetRevision())
	}
	p.revision, p.isKnown, p.token = message.GetRevision(), true, message.GetResumeToken()
	if message.GetBookmark() && !p.bookmarks {
		return nil, nil
	}
	return message, nil
}

// check refuses a revision that does not follow the last one.
func (p *updateProgress) check(message *tallywirev1.WatchUpdatesResponse) *Error {
	expected := int64(-1)
	switch {
	case p.begun != nil && message.GetBookmark():
		return outOfSequence("a bookmark between the pieces of a revision", p.begun.GetRevision(), message.GetRevision())
	case p.begun != nil:
		expected = p.begun.GetRevision()
	case p.isKnown && message.GetBookmark():
		expected = p.revision
	case p.isKnown:
		expected = p.revision + 1
	}
	if expected >= 0 && message.GetRevision() != expected {
		return outOfSequence("a revision that does not follow", expected, message.GetRevision())
	}
	return nil
}

// outOfSequence returns the error; expected is negative if it is not known.
func outOfSequence(what string, expected, revision int64) *Error {
	facts := map[string]string{"revision": strconv.FormatInt(revision, 10)}
	if expected >= 0 {
		facts["expected"] = strconv.FormatInt(expected, 10)
	}
	return &Error{Code: codes.DataLoss, Message: "the server sent " + what, Metadata: facts}
}
