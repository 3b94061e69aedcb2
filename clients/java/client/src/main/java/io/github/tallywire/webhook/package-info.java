/**
 * How receivers of webhooks make sure that a message is from tallywire, is new, and was not changed
 * on its way.
 */
package io.github.tallywire.webhook;
