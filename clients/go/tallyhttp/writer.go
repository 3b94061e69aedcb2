package tallyhttp

import (
	"bufio"
	"io"
	"net"
	"net/http"
)

// wrapped returns a writer that notes status and size, and can do what the given one can: handlers ask for that by type.
func wrapped(w http.ResponseWriter, call *call) http.ResponseWriter {
	noting := &writer{ResponseWriter: w, call: call}
	_, flushes := w.(http.Flusher)
	_, hijacks := w.(http.Hijacker)
	_, reads := w.(io.ReaderFrom)
	switch {
	case flushes && hijacks && reads: // HTTP/1
		return struct {
			*writer
			flusher
			hijacker
			readerFrom
		}{noting, flusher{noting}, hijacker{noting}, readerFrom{noting}}
	case flushes: // HTTP/2
		return struct {
			*writer
			flusher
		}{noting, flusher{noting}}
	default:
		return noting
	}
}

// writer notes what goes through it.
type writer struct {
	http.ResponseWriter
	call *call
}

// Unwrap returns the writer behind this one, for [http.ResponseController].
func (w *writer) Unwrap() http.ResponseWriter {
	return w.ResponseWriter
}

// WriteHeader notes the status; those before the last one (1xx) do not count.
func (w *writer) WriteHeader(status int) {
	if w.call.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		w.call.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *writer) Write(content []byte) (int, error) {
	w.begin()
	n, err := w.ResponseWriter.Write(content)
	w.call.sent += int64(n)
	return n, err
}

func (w *writer) begin() {
	if w.call.status == 0 {
		w.call.status = http.StatusOK
	}
}

type flusher struct{ of *writer }

func (f flusher) Flush() {
	f.of.begin()
	f.of.ResponseWriter.(http.Flusher).Flush()
}

type hijacker struct{ of *writer }

func (h hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	connection, buffered, err := h.of.ResponseWriter.(http.Hijacker).Hijack()
	if err == nil && h.of.call.status == 0 {
		h.of.call.status = http.StatusSwitchingProtocols
	}
	return connection, buffered, err
}

type readerFrom struct{ of *writer }

// ReadFrom lets net/http send files without copying them.
func (r readerFrom) ReadFrom(source io.Reader) (int64, error) {
	r.of.begin()
	n, err := r.of.ResponseWriter.(io.ReaderFrom).ReadFrom(source)
	r.of.call.sent += n
	return n, err
}
