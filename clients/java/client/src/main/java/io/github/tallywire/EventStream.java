package io.github.tallywire;

import io.github.tallywire.answer.StreamAck;
import io.github.tallywire.v1.Event;
import java.time.Duration;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.concurrent.Flow;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

/**
 * The acknowledgements of batches, in their order, over connections that are replaced. One thread
 * reads it, as an iterator, by {@link #poll}, or as one of {@link #stream()} and {@link
 * #publisher()}; any thread may close it, which ends the call at the server and the reader's loop.
 * It ends once the source of batches has ended and everything is acknowledged. An error is thrown
 * once, and ends it.
 *
 * <pre>{@code
 * try (EventStream acknowledged = client.streamEvents(batches)) {
 *   for (StreamAck ack : acknowledged) {
 *     commit(ack.sequence()); // The first batch is 1.
 *   }
 * }
 * }</pre>
 */
public final class EventStream implements Iterable<StreamAck>, AutoCloseable {
  private final EventSender sender;

  EventStream(
      Caller caller,
      ClientClock clock,
      Iterable<? extends Iterable<Event>> batches,
      EventStreamOptions options) {
    this.sender =
        new EventSender(caller, clock, new UnackedBatches(batches, options.maxUnacked), options);
  }

  /**
   * Returns the next acknowledgement, waiting through lost connections for a time.
   *
   * @param timeout how long to wait
   * @return the acknowledgement, or nothing if none has come in time, or once the stream has ended
   * @throws TallywireException if the stream cannot go on, or the thread is interrupted
   * @throws IllegalArgumentException if a batch fits in no request, once those before it are
   *     acknowledged; so is an error of the source
   */
  public Optional<StreamAck> poll(Duration timeout) {
    try {
      return sender.next(Nanos.of(timeout)).map(StreamAck::of);
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      throw TallywireException.cancelled(interrupted);
    }
  }

  /**
   * Tells whether it has ended, or was closed.
   *
   * @return true if nothing more comes
   */
  public boolean isClosed() {
    return sender.isClosed();
  }

  /**
   * Returns the acknowledgements that are still to come.
   *
   * @return the only iterator of this stream
   */
  @Override
  public Iterator<StreamAck> iterator() {
    return new Acknowledgements();
  }

  /**
   * Returns the acknowledgements that are still to come as a stream. Closing it closes this one.
   *
   * @return a sequential stream
   */
  public Stream<StreamAck> stream() {
    return StreamSupport.stream(spliterator(), false).onClose(this::close);
  }

  /**
   * Returns the acknowledgements that are still to come as a publisher for one subscriber, which
   * reads in a thread of its own. Cancelling closes the stream.
   *
   * @return the publisher
   */
  public Flow.Publisher<StreamAck> publisher() {
    return new IteratorPublisher<>(iterator(), this::close);
  }

  /** Ends the stream. Closing again does nothing. */
  @Override
  public void close() {
    sender.close();
  }

  private final class Acknowledgements implements Iterator<StreamAck> {
    private StreamAck ahead;

    @Override
    public boolean hasNext() {
      while (ahead == null && !isClosed()) {
        ahead = poll(Duration.ofDays(1)).orElse(null);
      }
      return ahead != null;
    }

    @Override
    public StreamAck next() {
      if (!hasNext()) {
        throw new NoSuchElementException();
      }
      StreamAck ack = ahead;
      ahead = null;
      return ack;
    }
  }
}
