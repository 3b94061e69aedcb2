/** Builders of events: begin with {@link io.github.tallywire.event.Events}. */
package io.github.tallywire.event;
