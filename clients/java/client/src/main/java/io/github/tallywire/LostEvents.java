package io.github.tallywire;

import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import java.util.stream.Collectors;

/** Lost events: reported one by one, and logged in one line a minute at most. */
final class LostEvents {
  private static final System.Logger LOG = System.getLogger("io.github.tallywire");
  private static final long INTERVAL = TimeUnit.MINUTES.toNanos(1);
  private static final int MAX_KINDS = 100; // Kept apart; what comes beyond is counted together.
  private static final int MAX_LISTED = 10;
  private static final String OTHERS = "other reasons";

  private final Consumer<LostEvent> onDrop;
  private final LongSupplier clock;
  private final Consumer<String> log;
  private final ThreadLocal<Boolean> isReporting = ThreadLocal.withInitial(() -> false);
  private Map<String, Count> counts = new LinkedHashMap<>();
  private Long loggedAt;

  LostEvents(Consumer<LostEvent> onDrop) {
    this(onDrop, System::nanoTime, line -> LOG.log(System.Logger.Level.WARNING, line));
  }

  LostEvents(Consumer<LostEvent> onDrop, LongSupplier clock, Consumer<String> log) {
    this.onDrop = onDrop;
    this.clock = clock;
    this.log = log;
  }

  /** Counts lost events, tells of each, and logs a line if there was none within a minute. */
  void add(List<LostEvent> lost) {
    synchronized (this) {
      for (LostEvent event : lost) {
        boolean isKnown = counts.containsKey(event.kind) || counts.size() < MAX_KINDS;
        counts.computeIfAbsent(
                isKnown ? event.kind : OTHERS, kind -> new Count(isKnown ? event.reason() : OTHERS))
            .number++;
      }
    }
    lost.forEach(this::report);
    logIfDue();
  }

  /** Returns the nanoseconds until a line is due; null if there is nothing to log. */
  synchronized Long untilLine() {
    if (counts.isEmpty()) {
      return null;
    }
    return loggedAt == null ? 0L : Math.max(0L, loggedAt + INTERVAL - clock.getAsLong());
  }

  void logIfDue() {
    Long left = untilLine();
    if (left != null && left == 0) {
      log();
    }
  }

  /** Logs what was lost since the last line, if anything was. */
  void log() {
    Map<String, Count> taken;
    synchronized (this) {
      if (counts.isEmpty()) {
        return;
      }
      taken = counts;
      counts = new LinkedHashMap<>();
      loggedAt = clock.getAsLong();
    }
    log.accept(line(taken));
  }

  private static String line(Map<String, Count> counts) {
    long total = counts.values().stream().mapToLong(count -> count.number).sum();
    List<Count> listed =
        counts.values().stream()
            .sorted(Comparator.comparingLong((Count count) -> count.number).reversed())
            .limit(MAX_LISTED)
            .collect(Collectors.toList());
    long rest = total - listed.stream().mapToLong(count -> count.number).sum();
    String parts =
        listed.stream()
            .map(count -> String.format("%,d × %s", count.number, count.example))
            .collect(Collectors.joining("; "));
    String begin = total == 1 ? "1 event is lost: " : String.format("%,d events are lost: ", total);
    return begin + parts + (rest > 0 ? String.format("; %,d × others", rest) : "");
  }

  /** Tells of an event; those that are lost while one is told are only counted. */
  private void report(LostEvent lost) {
    if (onDrop == null || isReporting.get()) {
      return;
    }
    isReporting.set(true);
    try {
      onDrop.accept(lost);
    } catch (RuntimeException error) {
      // The tracker lives on, whatever the callback does.
      LOG.log(System.Logger.Level.ERROR, "onDrop failed", error);
    } finally {
      isReporting.remove();
    }
  }

  private static final class Count {
    private final String example;
    private long number;

    Count(String example) {
      this.example = example;
    }
  }
}
