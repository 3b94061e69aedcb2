package io.github.tallywire;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.concurrent.Flow;
import java.util.function.Function;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

/**
 * The answers of a call that has many, as they come. One thread reads; any thread may close it,
 * which ends the call at the server. A stream that fails throws a {@link TallywireException} from
 * {@link #hasNext()}, and begins anew only with a call of its own.
 *
 * @param <T> the type of an answer
 */
public final class ServerStream<T> implements Iterator<T>, AutoCloseable {
  private final MessageReader<?> reader;
  private final Source<T> source;
  private T ahead;
  private boolean isOver;

  private interface Source<T> {
    Optional<T> next() throws MessageReader.Ended, InterruptedException;
  }

  private ServerStream(MessageReader<?> reader, Source<T> source) {
    this.reader = reader;
    this.source = source;
  }

  static <R, T> ServerStream<T> of(MessageReader<R> reader, Function<R, T> answer) {
    return new ServerStream<>(reader, () -> reader.next(Long.MAX_VALUE).map(answer));
  }

  /** Returns a stream of the parts of each answer, with a check of the whole at its end. */
  <V> ServerStream<V> flattened(Function<T, List<V>> parts, Runnable end) {
    Deque<V> taken = new ArrayDeque<>();
    return new ServerStream<>(
        reader,
        () -> {
          while (taken.isEmpty()) {
            taken.addAll(parts.apply(nextOrEnd(end)));
          }
          return Optional.of(taken.poll());
        });
  }

  private T nextOrEnd(Runnable end) throws MessageReader.Ended, InterruptedException {
    try {
      return source.next().orElseThrow();
    } catch (MessageReader.Ended ended) {
      end.run();
      throw ended;
    }
  }

  /**
   * Waits for the next answer.
   *
   * @return false if the stream has ended, or was closed
   * @throws TallywireException if the stream has failed
   */
  @Override
  public boolean hasNext() {
    if (ahead == null && !isOver) {
      try {
        ahead = source.next().orElse(null);
      } catch (MessageReader.Ended end) {
        isOver = true;
      } catch (InterruptedException interrupted) {
        close();
        Thread.currentThread().interrupt();
        throw TallywireException.cancelled(interrupted);
      } catch (CancelledException cancelled) {
        if (!isOver) {
          throw cancelled;
        }
      }
    }
    return ahead != null;
  }

  @Override
  public T next() {
    if (!hasNext()) {
      throw new NoSuchElementException();
    }
    T answer = ahead;
    ahead = null;
    return answer;
  }

  /**
   * Returns the answers that are left as a stream. Closing it closes the call.
   *
   * @return a sequential stream
   */
  public Stream<T> stream() {
    Iterable<T> answers = () -> this;
    return StreamSupport.stream(answers.spliterator(), false).onClose(this::close);
  }

  /**
   * Returns the answers that are left as a publisher for one subscriber, which reads in a thread of
   * its own.
   *
   * @return the publisher
   */
  public Flow.Publisher<T> publisher() {
    return new IteratorPublisher<>(this, this::close);
  }

  /** Ends the call. Closing again does nothing. */
  @Override
  public void close() {
    isOver = true;
    reader.close();
  }
}
