package io.github.tallywire;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.WeakHashMap;

/** The orderly end of the process, at which all trackers send what they hold, all at once. */
final class ProcessEnd {
  private static final Set<Tracker> OPEN =
      Collections.synchronizedSet(Collections.newSetFromMap(new WeakHashMap<>()));
  private static boolean isWatched;

  private ProcessEnd() {}

  static void register(Tracker tracker) {
    OPEN.add(tracker);
    watch();
  }

  static void forget(Tracker tracker) {
    OPEN.remove(tracker);
  }

  private static synchronized void watch() {
    if (isWatched) {
      return;
    }
    isWatched = true;
    try {
      Runtime.getRuntime().addShutdownHook(new Thread(ProcessEnd::closeAll, "tallywire-end"));
    } catch (IllegalStateException ending) {
      System.getLogger("io.github.tallywire")
          .log(System.Logger.Level.DEBUG, "the process ends: what is tracked now may be lost");
    }
  }

  private static void closeAll() {
    List<Tracker> trackers;
    synchronized (OPEN) {
      trackers = new ArrayList<>(OPEN);
    }
    trackers.forEach(Tracker::beginClose);
    trackers.forEach(Tracker::close);
  }
}
