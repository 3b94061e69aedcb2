/** A filter for servlet containers, with or without Spring. */
package io.github.tallywire.servlet;
