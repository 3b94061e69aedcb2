/**
 * The client of tallywire: {@link io.github.tallywire.TallywireClient} tracks events and reads
 * figures, {@link io.github.tallywire.Tracker} tracks without ever waiting.
 */
package io.github.tallywire;
