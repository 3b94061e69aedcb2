/**
 * Saving funnels. A saved funnel never changes: to change one is to delete it and save it again. So a change first looks
 * whether the funnel is still the one that the change began with.
 */
import { FunnelService } from "@contract/funnel_service_pb.js";
import type { Funnel, FunnelDefinition } from "@contract/funnel_service_pb.js";
import { CallError } from "../api/errors";
import { askAnew } from "../api/question";
import { call } from "../api/transport";
import { versionOf } from "./funnelDraft";

/** The saved funnel that a draft began with. */
export interface Base {
  name: string;
  version: string;
}

/** What became of a saved funnel since somebody began to change it. */
export type Conflict = "changed" | "gone";

/** Why a funnel was not saved: somebody else was faster. */
export class FunnelConflict extends Error {
  constructor(readonly what: Conflict) {
    super(what);
  }
}

async function stored(name: string): Promise<Funnel> {
  try {
    const { funnel } = await call(FunnelService.method.getFunnel, { name });
    if (funnel !== undefined) return funnel;
  } catch (error) {
    if (!(error instanceof CallError) || error.reason !== "FUNNEL_NOT_FOUND") throw error;
  }
  throw new FunnelConflict("gone");
}

async function add(name: string, definition: FunnelDefinition | undefined): Promise<void> {
  if (definition === undefined) return;
  const request = { funnel: { name, definition }, requestId: crypto.randomUUID() };
  try {
    await call(FunnelService.method.createFunnel, request);
  } catch (error) {
    // Whether it was saved is not known then; with its id the request may be sent again.
    if (!(error instanceof CallError) || !["unavailable", "deadline_exceeded"].includes(error.code)) throw error;
    await call(FunnelService.method.createFunnel, request);
  }
}

async function replace(old: Funnel, name: string, definition: FunnelDefinition): Promise<void> {
  if (old.name !== name) {
    await add(name, definition);
    await call(FunnelService.method.deleteFunnel, { name: old.name });
    return;
  }
  await call(FunnelService.method.deleteFunnel, { name });
  try {
    await add(name, definition);
  } catch (error) {
    await add(name, old.definition);
    throw error;
  }
}

/**
 * Saves a funnel: a new one, or one in the place of the funnel that it began with. Throws FunnelConflict where that one is
 * no longer the same, CallError where the service refuses.
 */
export async function saveFunnel(name: string, definition: FunnelDefinition, base: Base | undefined): Promise<void> {
  try {
    if (base === undefined) {
      await add(name, definition);
      return;
    }
    const old = await stored(base.name);
    if (versionOf(old.createdAt) !== base.version) throw new FunnelConflict("changed");
    await replace(old, name, definition);
  } finally {
    askAnew(FunnelService.method.listFunnels);
    askAnew(FunnelService.method.queryFunnel);
  }
}

/** Deletes a saved funnel; one that is gone already is what was wanted. */
export async function deleteFunnel(name: string): Promise<void> {
  try {
    await call(FunnelService.method.deleteFunnel, { name });
  } catch (error) {
    if (!(error instanceof CallError) || error.reason !== "FUNNEL_NOT_FOUND") throw error;
  } finally {
    askAnew(FunnelService.method.listFunnels);
  }
}
