package io.github.tallywire;

import io.github.tallywire.v1.Event;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

/** The events that wait or are under way, bounded, and their counts. Not safe between threads. */
final class EventBuffer {
  private final int maxEvents;
  private final long maxBytes;
  private final Deque<Entry> waiting = new ArrayDeque<>();
  private long bytes;
  private long taken;
  private long settled;
  private long sent;
  private long duplicates;
  private long rejected;
  private long invalid;
  private long dropped;
  private long failed;

  EventBuffer(int maxEvents, long maxBytes) {
    this.maxEvents = maxEvents;
    this.maxBytes = maxBytes;
  }

  /** Returns how many events wait, without those under way. */
  int size() {
    return waiting.size();
  }

  /** Returns how many events were given, taken or not, in all. */
  long taken() {
    return taken;
  }

  /** Returns how many of them have their outcome. */
  long settled() {
    return settled;
  }

  /** Returns when the first event that waits came. There must be one. */
  long oldest() {
    return waiting.peek().since;
  }

  /** Takes an event in; false if there is no room, and it is counted as dropped. */
  boolean put(Event event, int size, long now) {
    if (taken - settled >= maxEvents || bytes + size > maxBytes) {
      drop();
      return false;
    }
    taken++;
    waiting.add(new Entry(event, size, now));
    bytes += size;
    return true;
  }

  /** Counts an event that was not taken. */
  void drop() {
    taken++;
    settled++;
    dropped++;
  }

  void invalid() {
    invalid++;
  }

  /**
   * Returns the oldest events that fit in one request; they stay pending until they are settled.
   */
  Batch take(int limit) {
    Batch batch = new Batch();
    while (!waiting.isEmpty() && batch.events.size() < limit) {
      if (!batch.events.isEmpty() && batch.bytes + waiting.peek().size > Batches.MAX_BYTES) {
        break;
      }
      Entry entry = waiting.poll();
      batch.events.add(entry.event);
      batch.bytes += entry.size;
    }
    return batch;
  }

  /** Counts the outcomes of a batch. */
  void settle(Batch batch, Outcome outcome) {
    settled += batch.events.size();
    bytes -= batch.bytes;
    sent += outcome.sent;
    duplicates += outcome.duplicates;
    rejected += outcome.rejected;
    failed += outcome.failed;
  }

  /** Counts all events that wait as dropped, and returns them. */
  List<Event> dropWaiting() {
    List<Event> events = new ArrayList<>();
    for (Entry entry : waiting) {
      events.add(entry.event);
      bytes -= entry.size;
    }
    waiting.clear();
    settled += events.size();
    dropped += events.size();
    return events;
  }

  TrackerStats stats() {
    return new TrackerStats(sent, duplicates, rejected, invalid, dropped, failed, taken - settled);
  }

  /** Events that go together, and their bytes. */
  static final class Batch {
    final List<Event> events = new ArrayList<>();
    private long bytes;
  }

  /** What became of the events of a batch. */
  static final class Outcome {
    long sent;
    long duplicates;
    long rejected;
    long failed;
  }

  private static final class Entry {
    private final Event event;
    private final int size;
    private final long since;

    Entry(Event event, int size, long since) {
      this.event = event;
      this.size = size;
      this.since = since;
    }
  }
}
