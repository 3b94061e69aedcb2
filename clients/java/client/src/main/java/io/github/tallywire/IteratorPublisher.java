package io.github.tallywire;

import java.util.Iterator;
import java.util.concurrent.Flow;
import java.util.concurrent.atomic.AtomicBoolean;

/** A publisher of what a blocking iterator gives, for one subscriber, read in a daemon thread. */
final class IteratorPublisher<T> implements Flow.Publisher<T> {
  private final Iterator<T> items;
  private final Runnable close;
  private final AtomicBoolean isTaken = new AtomicBoolean();

  IteratorPublisher(Iterator<T> items, Runnable close) {
    this.items = items;
    this.close = close;
  }

  @Override
  public void subscribe(Flow.Subscriber<? super T> subscriber) {
    if (subscriber == null) {
      throw new NullPointerException("subscriber");
    }
    if (!isTaken.compareAndSet(false, true)) {
      subscriber.onSubscribe(new Nothing());
      subscriber.onError(new IllegalStateException("this publisher has its subscriber"));
      return;
    }
    Reading reading = new Reading(subscriber);
    subscriber.onSubscribe(reading);
    Thread thread = new Thread(reading, "tallywire-publisher");
    thread.setDaemon(true);
    thread.start();
  }

  /** A subscription of one who gets nothing but an error. */
  private static final class Nothing implements Flow.Subscription {
    @Override
    public void request(long count) {
      // There is nothing to ask for.
    }

    @Override
    public void cancel() {
      // There is nothing to end.
    }
  }

  private final class Reading implements Flow.Subscription, Runnable {
    private final Flow.Subscriber<? super T> subscriber;
    private long wanted;
    private boolean isCancelled;
    private IllegalArgumentException fault;

    Reading(Flow.Subscriber<? super T> subscriber) {
      this.subscriber = subscriber;
    }

    @Override
    public synchronized void request(long count) {
      if (count <= 0) {
        fault = new IllegalArgumentException("the number asked for is at least 1, not " + count);
      } else {
        wanted = wanted + count < 0 ? Long.MAX_VALUE : wanted + count;
      }
      notifyAll();
    }

    @Override
    public void cancel() {
      synchronized (this) {
        isCancelled = true;
        notifyAll();
      }
      close.run();
    }

    @Override
    public void run() {
      try {
        while (isWanted()) {
          if (!items.hasNext()) {
            if (!isOver()) {
              subscriber.onComplete();
            }
            return;
          }
          T item = items.next();
          if (isOver()) {
            return;
          }
          subscriber.onNext(item);
        }
      } catch (InterruptedException interrupted) {
        Thread.currentThread().interrupt();
        fail(TallywireException.cancelled(interrupted));
      } catch (RuntimeException error) {
        fail(error);
      }
    }

    private void fail(RuntimeException error) {
      boolean isOver = isOver();
      cancel();
      if (!isOver) {
        subscriber.onError(error);
      }
    }

    private synchronized boolean isOver() {
      return isCancelled;
    }

    /** Waits until something is asked for; false once nobody wants anything. */
    private synchronized boolean isWanted() throws InterruptedException {
      while (wanted == 0 && !isCancelled && fault == null) {
        wait();
      }
      if (fault != null && !isCancelled) {
        throw fault;
      }
      if (wanted != Long.MAX_VALUE) {
        wanted--;
      }
      return !isCancelled;
    }
  }
}
