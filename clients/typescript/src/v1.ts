/**
 * The contract as protobuf-es makes it: schemas of all messages, and descriptors of the services, for those who need what
 * plain objects do not give, or no client at all.
 *
 * @module
 */

export * from "./gen/contract.js";
export { serviceConfig } from "./gen/service_config.js";
export { grpcService } from "./grpc_service.js";
