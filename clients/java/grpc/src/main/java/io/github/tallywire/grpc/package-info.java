/** An interceptor for gRPC servers. */
package io.github.tallywire.grpc;
