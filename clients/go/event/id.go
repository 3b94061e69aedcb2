package event

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"time"
)

// NewID returns a new id for an event: a UUIDv7 (RFC 9562, section 5.7), in lower case with dashes. The 12 bits after
// its milliseconds are their fraction, so ids sort by the time at which they were made.
func NewID() string {
	var id [16]byte
	now := time.Now().UnixNano()
	milliseconds, fraction := now/int64(time.Millisecond), now%int64(time.Millisecond)*4096/int64(time.Millisecond)
	binary.BigEndian.PutUint64(id[:8], uint64(milliseconds)<<16|0x7000|uint64(fraction))
	_, _ = rand.Read(id[8:]) // never fails since Go 1.24: a system without randomness ends the program
	id[8] = id[8]&0x3f | 0x80

	var text [36]byte
	hex.Encode(text[:8], id[:4])
	hex.Encode(text[9:13], id[4:6])
	hex.Encode(text[14:18], id[6:8])
	hex.Encode(text[19:23], id[8:10])
	hex.Encode(text[24:], id[10:])
	text[8], text[13], text[18], text[23] = '-', '-', '-', '-'
	return string(text[:])
}
