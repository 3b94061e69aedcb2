package tallywire_test

import (
	"math"
	"testing"
	"time"

	tallywire "github.com/tallywire/tallywire/clients/go"
)

func TestMoney(t *testing.T) {
	for micros, decimal := range map[int64]string{
		0: "0", 1: "0.000001", 12_345_600: "12.3456", -500_000: "-0.5", 1_000_000: "1", 100_000_000: "100",
		math.MaxInt64: "9223372036854.775807", math.MinInt64: "-9223372036854.775808",
	} {
		if got := tallywire.FormatMicros(micros); got != decimal {
			t.Errorf("%d is %s, not %s", micros, got, decimal)
		}
		if got, err := tallywire.ParseMicros(decimal); err != nil || got != micros {
			t.Errorf("%s is %d, %v", decimal, got, err)
		}
	}
	for _, bad := range []string{"", "x", "1/2", "0x1", "1e3", "0.0000001", "9223372036854.775808", "NaN", "1_0"} {
		if got, err := tallywire.ParseMicros(bad); err == nil {
			t.Errorf("%q is %d", bad, got)
		}
	}
}

func TestPeriods(t *testing.T) {
	start := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	period := tallywire.PeriodIn("Europe/Paris", start, start.Add(time.Hour))
	if period.GetTimeZone() != "Europe/Paris" || period.GetEnd().AsTime() != start.Add(time.Hour) {
		t.Errorf("it is %v", period)
	}
	last := tallywire.Last(time.Hour)
	if got := last.GetEnd().AsTime().Sub(last.GetStart().AsTime()); got != time.Hour {
		t.Errorf("the last hour has %v", got)
	}
}
