/**
 * What the middleware of servers has in common: calls of an interface become events {@code
 * api.called}. Use it to write middleware of your own.
 */
package io.github.tallywire.middleware;
