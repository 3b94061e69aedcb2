package io.github.tallywire.servlet;

import io.github.tallywire.middleware.CallRecorder;
import jakarta.servlet.http.HttpServletMapping;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.MappingMatch;
import java.util.Set;

/** Templates of routes: what a request was matched by. */
final class Routes {
  private static final String OF_SPRING =
      "org.springframework.web.servlet.HandlerMapping.bestMatchingPattern";

  /** Patterns that match whatever is asked for, as those for files do. */
  private static final Set<String> ANYTHING = Set.of("/", "/*", "/**", "");

  private Routes() {}

  /** Returns the template of a request; the application's own if it has one. */
  static String template(HttpServletRequest request, String ofApplication) {
    if (ofApplication != null) {
      return ofApplication;
    }
    HttpServletMapping mapping = request.getHttpServletMapping();
    Object ofSpring = request.getAttribute(OF_SPRING);
    if (ofSpring != null) {
      return ANYTHING.contains(ofSpring.toString())
          ? CallRecorder.NO_ROUTE
          : request.getContextPath() + before(mapping) + ofSpring;
    }
    if (mapping.getMappingMatch() == MappingMatch.CONTEXT_ROOT) {
      return request.getContextPath() + "/";
    }
    return mapping.getMappingMatch() == null || ANYTHING.contains(mapping.getPattern())
        ? CallRecorder.NO_ROUTE
        : request.getContextPath() + mapping.getPattern();
  }

  /** Returns the part of the path before Spring's own pattern. */
  private static String before(HttpServletMapping mapping) {
    return mapping.getMappingMatch() == MappingMatch.PATH
        ? mapping.getPattern().replaceAll("/\\*$", "")
        : "";
  }
}
