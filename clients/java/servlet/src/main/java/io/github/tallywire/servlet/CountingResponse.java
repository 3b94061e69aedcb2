package io.github.tallywire.servlet;

import jakarta.servlet.ServletOutputStream;
import jakarta.servlet.WriteListener;
import jakarta.servlet.http.HttpServletResponse;
import jakarta.servlet.http.HttpServletResponseWrapper;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.Writer;
import java.util.concurrent.atomic.AtomicLong;

/** Counts the bytes of a response on their way; nothing is kept or delayed. */
final class CountingResponse extends HttpServletResponseWrapper {
  private final AtomicLong bytes = new AtomicLong();
  private CountingStream stream;
  private PrintWriter writer;

  CountingResponse(HttpServletResponse response) {
    super(response);
  }

  /** Returns the bytes so far; of a writer, those that UTF-8 would make. */
  long bytes() {
    return bytes.get();
  }

  /** Tells whether something could not be sent. */
  boolean isPeerGone() {
    if (stream != null && stream.hasFailed) {
      return true;
    }
    // Asking a writer flushes it: only where that changes nothing any more.
    return writer != null && isCommitted() && writer.checkError();
  }

  @Override
  public ServletOutputStream getOutputStream() throws IOException {
    if (stream == null) {
      stream = new CountingStream(super.getOutputStream(), bytes);
    }
    return stream;
  }

  @Override
  public PrintWriter getWriter() throws IOException {
    if (writer == null) {
      writer = new PrintWriter(new CountingWriter(super.getWriter(), bytes));
    }
    return writer;
  }

  @Override
  public void reset() {
    super.reset();
    stream = null;
    writer = null;
    bytes.set(0);
  }

  @Override
  public void resetBuffer() {
    super.resetBuffer();
    bytes.set(0);
  }

  private interface Step {
    void run() throws IOException;
  }

  private static final class CountingStream extends ServletOutputStream {
    private final ServletOutputStream out;
    private final AtomicLong bytes;
    private volatile boolean hasFailed;

    CountingStream(ServletOutputStream out, AtomicLong bytes) {
      this.out = out;
      this.bytes = bytes;
    }

    @Override
    public void write(int one) throws IOException {
      sending(() -> out.write(one));
      bytes.incrementAndGet();
    }

    @Override
    public void write(byte[] some, int offset, int length) throws IOException {
      sending(() -> out.write(some, offset, length));
      bytes.addAndGet(length);
    }

    @Override
    public void flush() throws IOException {
      sending(out::flush);
    }

    @Override
    public void close() throws IOException {
      sending(out::close);
    }

    private void sending(Step step) throws IOException {
      try {
        step.run();
      } catch (IOException error) {
        hasFailed = true;
        throw error;
      }
    }

    @Override
    public boolean isReady() {
      return out.isReady();
    }

    @Override
    public void setWriteListener(WriteListener listener) {
      out.setWriteListener(listener);
    }
  }

  private static final class CountingWriter extends Writer {
    private final PrintWriter out;
    private final AtomicLong bytes;

    CountingWriter(PrintWriter out, AtomicLong bytes) {
      this.out = out;
      this.bytes = bytes;
    }

    @Override
    public void write(char[] some, int offset, int length) {
      out.write(some, offset, length);
      long count = 0;
      for (int i = offset; i < offset + length; i++) {
        // Half of a pair is two of the four bytes of a character.
        count += some[i] < 0x80 ? 1 : some[i] < 0x800 || Character.isSurrogate(some[i]) ? 2 : 3;
      }
      bytes.addAndGet(count);
    }

    @Override
    public void flush() throws IOException {
      if (out.checkError()) { // It flushes, too.
        throw new IOException("the peer is gone");
      }
    }

    @Override
    public void close() {
      out.close();
    }
  }
}
