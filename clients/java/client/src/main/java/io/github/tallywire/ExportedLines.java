package io.github.tallywire;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.grpc.Status;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Makes sure that an export is whole: its last line has the number of lines of each kind. */
final class ExportedLines {
  private final Map<String, Long> counted = new HashMap<>();
  private Map<String, Long> told;

  /** Takes lines in, and returns them. */
  List<String> taken(List<String> lines) {
    for (String line : lines) {
      JsonObject found = JsonParser.parseString(line).getAsJsonObject();
      String kind = found.remove("kind").getAsString();
      if (kind.equals("counts")) {
        told = new HashMap<>();
        for (Map.Entry<String, JsonElement> entry : found.entrySet()) {
          told.put(entry.getKey(), entry.getValue().getAsLong());
        }
        told.values().removeIf(count -> count == 0);
      } else {
        counted.merge(kind, 1L, Long::sum);
      }
    }
    return lines;
  }

  /** Throws InternalException if lines are missing. */
  void end() {
    if (!counted.equals(told)) {
      throw TallywireException.of(
          ErrorDetails.of(Status.Code.INTERNAL, "the export is not whole: ask for it again"), null);
    }
  }
}
