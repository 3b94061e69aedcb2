/**
 * Answers of the service: a class for every message of the contract that an answer is made of,
 * which gives an {@code Optional} for what may be absent, and instants and durations of the
 * language.
 */
package io.github.tallywire.answer;
