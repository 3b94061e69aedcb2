package tallywire

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tallywire/tallywire/clients/go/tallywirev1"
)

const (
	lineInterval = time.Minute
	maxKinds     = 100 // kept apart; what comes beyond is counted together
	maxListed    = 10
	otherReasons = "other reasons"
)

// lostEvent is an event that will not be stored, or whose outcome stays unknown. Those of one kind are counted together.
type lostEvent struct {
	event  *tallywirev1.Event // nil if it could not be built
	kind   string
	reason string
}

// lostEvents counts lost events, reports each to a function, and logs one line a minute at most.
type lostEvents struct {
	onDrop func(e *tallywirev1.Event, reason string)
	logger *slog.Logger
	mutex  sync.Mutex
	counts map[string]*lostKind
	total  int
	logged time.Time
}

type lostKind struct {
	example string
	number  int
}

func newLostEvents(onDrop func(e *tallywirev1.Event, reason string), logger *slog.Logger) *lostEvents {
	return &lostEvents{onDrop: onDrop, logger: logger, counts: map[string]*lostKind{}}
}

// add counts a lost event and reports it. It returns whether it is the first one since the last line.
func (l *lostEvents) add(lost lostEvent) bool {
	l.mutex.Lock()
	isFirst := l.total == 0
	l.total++
	kind, reason := lost.kind, lost.reason
	if l.counts[kind] == nil && len(l.counts) >= maxKinds {
		kind, reason = otherReasons, otherReasons
	}
	if l.counts[kind] == nil {
		l.counts[kind] = &lostKind{example: reason}
	}
	l.counts[kind].number++
	l.mutex.Unlock()
	l.report(lost)
	return isFirst
}

func (l *lostEvents) report(lost lostEvent) {
	if l.onDrop == nil {
		return
	}
	defer func() {
		if fault := recover(); fault != nil {
			l.line(fmt.Sprintf("tallywire: OnDrop has a fault: %v", fault))
		}
	}()
	l.onDrop(lost.event, lost.reason)
}

// untilLine returns how long it is until a line is due: negative if there is nothing to log.
func (l *lostEvents) untilLine() time.Duration {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	switch {
	case l.total == 0:
		return -1
	case l.logged.IsZero():
		return 0
	default:
		return max(0, time.Until(l.logged.Add(lineInterval)))
	}
}

func (l *lostEvents) logIfDue() {
	if l.untilLine() == 0 {
		l.log()
	}
}

// log writes what was lost since the last line, if anything was.
func (l *lostEvents) log() {
	l.mutex.Lock()
	counts, total := l.counts, l.total
	if total > 0 {
		l.counts, l.total, l.logged = map[string]*lostKind{}, 0, time.Now()
	}
	l.mutex.Unlock()
	if total == 0 {
		return
	}
	kinds := make([]*lostKind, 0, len(counts))
	for _, kind := range counts {
		kinds = append(kinds, kind)
	}
	slices.SortFunc(kinds, func(a, b *lostKind) int {
		return cmp.Or(cmp.Compare(b.number, a.number), strings.Compare(a.example, b.example))
	})
	var parts []string
	listed := 0
	for _, kind := range kinds[:min(len(kinds), maxListed)] {
		parts = append(parts, fmt.Sprintf("%d × %s", kind.number, kind.example))
		listed += kind.number
	}
	if listed < total {
		parts = append(parts, fmt.Sprintf("%d × others", total-listed))
	}
	l.line(fmt.Sprintf("tallywire: %d events are lost: %s", total, strings.Join(parts, "; ")))
}

func (l *lostEvents) line(text string) {
	logger := l.logger
	if logger == nil {
		logger = slog.Default()
	}
	logger.Log(context.Background(), slog.LevelWarn, text)
}
