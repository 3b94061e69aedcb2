/**
 * Calls the service by plain stubs of grpc-js, without the client: with the published service config, which has timeouts
 * and retries of questions. Events need retries of your own, with the same ids and a new sent_at.
 * TALLYWIRE_API_KEY=... node plain_stubs.js [127.0.0.1:50051]
 */

import * as grpc from "@grpc/grpc-js";
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  GetOverviewRequestSchema,
  type GetOverviewResponse,
  MetricsService,
  grpcService,
  serviceConfig,
} from "tallywire/v1";

const address = process.argv[2] ?? "127.0.0.1:50051";
const metadata = new grpc.Metadata();
metadata.set("authorization", `Bearer ${process.env["TALLYWIRE_API_KEY"] ?? ""}`);

const { getOverview } = grpcService(MetricsService);
const client = new grpc.Client(address, grpc.credentials.createInsecure(), {
  "grpc.service_config": JSON.stringify(serviceConfig),
  "grpc.enable_http_proxy": 0,
});
const request = create(GetOverviewRequestSchema, {
  timeRange: { start: timestampFromMs(Date.now() - 86_400_000), end: timestampFromMs(Date.now() + 60_000) },
});
const response = await new Promise<GetOverviewResponse>((resolve, reject) => {
  const { path, requestSerialize, responseDeserialize } = getOverview;
  client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, metadata, {}, (error, answer) => {
    if (answer === undefined) {
      reject(error ?? new Error("no answer"));
    } else {
      resolve(answer);
    }
  });
});
console.log("messages:", String(response.overview?.totalMessages));
client.close();
