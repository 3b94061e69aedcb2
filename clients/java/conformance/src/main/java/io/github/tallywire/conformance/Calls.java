package io.github.tallywire.conformance;

import com.google.gson.JsonObject;
import com.google.protobuf.Message;
import io.github.tallywire.Rows;
import io.github.tallywire.TallywireClient;
import io.github.tallywire.answer.Answer;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;

/** Calls by the names of the contract, through the client's own methods. */
final class Calls {
  private Calls() {}

  /** Returns what the client's method for an RPC returns. */
  static Object call(TallywireClient client, JsonObject command) throws Exception {
    return invoke(client, command, "");
  }

  /** Returns what the client's iterator over all rows gives. */
  @SuppressWarnings("unchecked") // Rows of answers are answers.
  static Rows<? extends Answer<?>> pages(TallywireClient client, JsonObject command)
      throws Exception {
    return (Rows<? extends Answer<?>>) invoke(client, command, "Paginator");
  }

  private static Object invoke(TallywireClient client, JsonObject command, String suffix)
      throws Exception {
    String rpc = Json.text(command, "method").replaceAll(".*/", "");
    String name = rpc.substring(0, 1).toLowerCase() + rpc.substring(1) + suffix;
    for (Method method : TallywireClient.class.getMethods()) {
      if (method.getName().equals(name)
          && method.getParameterCount() == 1
          && Message.class.isAssignableFrom(method.getParameterTypes()[0])) {
        return invoke(client, method, request(method.getParameterTypes()[0], command));
      }
    }
    throw new UnsupportedOperationException("the client has no method " + name);
  }

  private static Object request(Class<?> type, JsonObject command) throws Exception {
    Message.Builder builder = (Message.Builder) type.getMethod("newBuilder").invoke(null);
    return Json.fill(builder, command.get("request")).build();
  }

  private static Object invoke(TallywireClient client, Method method, Object request)
      throws Exception {
    try {
      return method.invoke(client, request);
    } catch (InvocationTargetException error) {
      throw error.getCause() instanceof Exception cause ? cause : error;
    }
  }
}
