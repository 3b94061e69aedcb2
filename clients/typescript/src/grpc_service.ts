import { type DescMethod, type DescService, type MessageShape, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { MethodDefinition, ServiceDefinition } from "@grpc/grpc-js";

type Definitions<S extends DescService> = {
  readonly [K in keyof S["method"]]: S["method"][K] extends DescMethod
    ? MethodDefinition<MessageShape<S["method"][K]["input"]>, MessageShape<S["method"][K]["output"]>>
    : never;
};

/**
 * Returns a service as grpc-js takes it, for calls by plain stubs and for servers in tests:
 *
 * ```ts
 * const Stub = grpc.makeGenericClientConstructor(grpcService(MetricsService), "MetricsService");
 * ```
 */
export function grpcService<S extends DescService>(service: S): Definitions<S> & ServiceDefinition {
  const definitions = service.methods.map((method) => [method.localName, definition(service, method)] as const);
  return Object.fromEntries(definitions) as Definitions<S> & ServiceDefinition;
}

function definition(service: DescService, method: DescMethod): MethodDefinition<unknown, unknown> {
  const { input, output, methodKind } = method;
  return {
    path: `/${service.typeName}/${method.name}`,
    requestStream: methodKind === "client_streaming" || methodKind === "bidi_streaming",
    responseStream: methodKind === "server_streaming" || methodKind === "bidi_streaming",
    requestSerialize: (message) => Buffer.from(toBinary(input, message as MessageShape<typeof input>)),
    requestDeserialize: (bytes) => fromBinary(input, bytes),
    responseSerialize: (message) => Buffer.from(toBinary(output, message as MessageShape<typeof output>)),
    responseDeserialize: (bytes) => fromBinary(output, bytes),
    originalName: method.localName,
  };
}
