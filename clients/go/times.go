package tallywire

import (
	"errors"
	"math/big"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/tallywire/tallywire/clients/go/tallywirev1"
)

// Period returns the time range [start, end), with the days of the organization's own time zone.
func Period(start, end time.Time) *tallywirev1.TimeRange {
	return &tallywirev1.TimeRange{Start: timestamppb.New(start), End: timestamppb.New(end)}
}

// PeriodIn returns the time range [start, end), with the days of a time zone, as in "Europe/Paris".
func PeriodIn(zone string, start, end time.Time) *tallywirev1.TimeRange {
	period := Period(start, end)
	period.TimeZone = zone
	return period
}

// Last returns the time range of a duration that ends now.
func Last(duration time.Duration) *tallywirev1.TimeRange {
	now := time.Now()
	return Period(now.Add(-duration), now)
}

const microsPerUnit = 1_000_000

// FormatMicros returns an amount in millionths as a decimal without needless zeros: 12345600 is 12.3456.
func FormatMicros(micros int64) string {
	text := new(big.Rat).SetFrac64(micros, microsPerUnit).FloatString(6)
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}

// ParseMicros returns a decimal such as 12.3456 in millionths. It refuses what is not exact in them.
func ParseMicros(decimal string) (int64, error) {
	refused := func(why string) error {
		return &strconv.NumError{Func: "ParseMicros", Num: decimal, Err: errors.New(why)}
	}
	amount, isNumber := new(big.Rat).SetString(decimal)
	if !isNumber || strings.ContainsAny(decimal, "/xXpPeE_") {
		return 0, refused("it is no decimal")
	}
	micros := amount.Mul(amount, new(big.Rat).SetInt64(microsPerUnit))
	if !micros.IsInt() {
		return 0, refused("it has more than six decimals")
	}
	if !micros.Num().IsInt64() {
		return 0, refused("it is too large")
	}
	return micros.Num().Int64(), nil
}
