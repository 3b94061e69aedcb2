package io.github.tallywire;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.google.protobuf.Descriptors;
import io.github.tallywire.v1.AccountServiceProto;
import io.github.tallywire.v1.AuditServiceProto;
import io.github.tallywire.v1.CampaignServiceProto;
import io.github.tallywire.v1.CustomMetricServiceProto;
import io.github.tallywire.v1.DashboardServiceProto;
import io.github.tallywire.v1.DirectoryServiceProto;
import io.github.tallywire.v1.EventServiceProto;
import io.github.tallywire.v1.FunnelServiceProto;
import io.github.tallywire.v1.LeaderboardServiceProto;
import io.github.tallywire.v1.MetricsServiceProto;
import io.github.tallywire.v1.PrivacyServiceProto;
import io.github.tallywire.v1.RealtimeServiceProto;
import java.lang.reflect.Method;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

final class FaceTest {
  private static final List<Descriptors.FileDescriptor> FILES =
      List.of(
          AccountServiceProto.getDescriptor(),
          AuditServiceProto.getDescriptor(),
          CampaignServiceProto.getDescriptor(),
          CustomMetricServiceProto.getDescriptor(),
          DashboardServiceProto.getDescriptor(),
          DirectoryServiceProto.getDescriptor(),
          EventServiceProto.getDescriptor(),
          FunnelServiceProto.getDescriptor(),
          LeaderboardServiceProto.getDescriptor(),
          MetricsServiceProto.getDescriptor(),
          PrivacyServiceProto.getDescriptor(),
          RealtimeServiceProto.getDescriptor());

  private static Set<String> methods(Class<?> face) {
    return Arrays.stream(face.getMethods()).map(Method::getName).collect(Collectors.toSet());
  }

  @Test
  void everyRpcHasAMethodOfItsName() {
    Set<String> blocking = methods(TallywireClient.class);
    Set<String> futures = methods(AsyncTallywireClient.class);
    Set<String> missing = new TreeSet<>();
    for (Descriptors.FileDescriptor file : FILES) {
      for (Descriptors.MethodDescriptor rpc : file.getServices().get(0).getMethods()) {
        String name = rpc.getName().substring(0, 1).toLowerCase() + rpc.getName().substring(1);
        if (!blocking.contains(name)) {
          missing.add(name);
        }
        if (!rpc.isServerStreaming() && !futures.contains(name)) {
          missing.add("async " + name);
        }
      }
    }
    // They are subscriptions, watch() and updates().
    assertEquals(Set.of("watchMetrics", "watchUpdates"), missing);
  }

  @Test
  void theVersionIsThatOfTheArtifact() {
    assertEquals(System.getProperty("project.version"), Version.VERSION);
  }
}
