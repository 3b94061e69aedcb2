package io.github.tallywire;

import java.time.Duration;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.concurrent.Flow;
import java.util.function.Function;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

/**
 * A subscription that outlasts servers. One thread reads it, as an iterator, by {@link #poll}, or
 * as one of {@link #stream()} and {@link #publisher()}; any thread may close it, which ends the
 * call at the server and the reader's loop. An error that is final is thrown once, and ends it.
 *
 * <pre>{@code
 * try (Subscription<WatchUpdatesResponse> updates =
 *     client.updates(r -> r.setResumeAfter(saved))) {
 *   for (WatchUpdatesResponse update : updates) {
 *     apply(update);
 *     save(updates.resumeToken());
 *   }
 * }
 * }</pre>
 *
 * @param <T> the type of what it yields
 */
public final class Subscription<T> implements Iterable<T>, AutoCloseable {
  private interface Source<T> {
    Optional<T> next(long nanos) throws InterruptedException;
  }

  private final SubscriptionReader<?, ?> reader;
  private final Source<T> source;
  private volatile String resumeToken;

  <R> Subscription(SubscriptionReader<?, R> reader, Function<R, T> answer) {
    this.reader = reader;
    this.source = nanos -> reader.next(nanos).map(answer);
    this.resumeToken = reader.resumeToken();
  }

  /**
   * Returns the next message, waiting through lost connections for a time.
   *
   * @param timeout how long to wait
   * @return the message, or nothing if none has come in time, or once the subscription is closed
   * @throws TallywireException if the subscription cannot go on, or the thread is interrupted
   */
  public Optional<T> poll(Duration timeout) {
    try {
      Optional<T> message = source.next(Nanos.of(timeout));
      resumeToken = reader.resumeToken();
      return message;
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      throw TallywireException.cancelled(interrupted);
    }
  }

  /**
   * Returns the token after the last revision that was yielded, or after a later bookmark.
   *
   * @return the token; empty before the first, and for states
   */
  public String resumeToken() {
    return resumeToken;
  }

  /**
   * Tells whether it was closed, or has ended with an error.
   *
   * @return true if nothing more comes
   */
  public boolean isClosed() {
    return reader.isClosed();
  }

  /**
   * Returns the messages that are still to come. Its {@code hasNext()} reads one ahead, so take the
   * token after {@code next()} and before {@code hasNext()}, as a for loop does.
   *
   * @return the only iterator of this subscription
   */
  @Override
  public Iterator<T> iterator() {
    return new Messages();
  }

  /**
   * Returns the messages that are still to come as a stream without an end. Closing it closes the
   * subscription.
   *
   * @return a sequential stream
   */
  public Stream<T> stream() {
    return StreamSupport.stream(spliterator(), false).onClose(this::close);
  }

  /**
   * Returns the messages that are still to come as a publisher for one subscriber, which reads in a
   * thread of its own. Cancelling closes the subscription.
   *
   * @return the publisher
   */
  public Flow.Publisher<T> publisher() {
    return new IteratorPublisher<>(iterator(), this::close);
  }

  /** Ends the subscription. Closing again does nothing. */
  @Override
  public void close() {
    reader.close();
  }

  private final class Messages implements Iterator<T> {
    private T ahead;

    @Override
    public boolean hasNext() {
      while (ahead == null && !isClosed()) {
        ahead = poll(Duration.ofDays(1)).orElse(null);
      }
      return ahead != null;
    }

    @Override
    public T next() {
      if (!hasNext()) {
        throw new NoSuchElementException();
      }
      T message = ahead;
      ahead = null;
      return message;
    }
  }
}
