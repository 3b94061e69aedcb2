/** Where files go: the names of destinations, and the choice of some. */
import type { JSX } from "preact";
import { DeliveryService } from "@contract/delivery_service_pb.js";
import type { Destination } from "@contract/delivery_service_pb.js";
import { useQuestion } from "../api/question";
import { Answered } from "../components/basics";
import { may, session } from "../state/session";
import { t } from "../text";

/** Returns where a destination is, in a few words. */
export function targetText({ target }: Destination): string {
  if (target.case === "mail") return target.value.addresses.join(", ");
  if (target.case === "webhook") return target.value.url;
  if (target.case === "store") return [target.value.store, target.value.folder].filter(Boolean).join("/");
  return "";
}

/** Whether the reader may see destinations: they are the whole organization's. */
function seesDestinations(): boolean {
  return may("edit") && session.value?.restriction === undefined;
}

/** The names of destinations; of those that the reader may not see, how many there are. */
export function Recipients({ ids }: { ids: readonly string[] }): JSX.Element {
  const asked = useQuestion(
    DeliveryService.method.listDestinations,
    seesDestinations() && ids.length > 0 ? {} : undefined,
  );
  if (ids.length === 0) return <span class="muted">{t.reports.nobody}</span>;
  if (asked.data === undefined) return <>{t.reports.destinations(ids.length)}</>;
  const known = new Map(asked.data.destinations.map((one) => [one.destinationId, one]));
  return (
    <>
      {ids.map((id) => {
        const one = known.get(id);
        return (
          <span key={id} class="recipient">
            {one?.name ?? t.reports.deleted}
            {one?.paused === true && <span class="status s5">{t.reports.paused}</span>}
          </span>
        );
      })}
    </>
  );
}

/** A box to tick for each destination. */
export function ChooseRecipients({
  ids,
  choose,
}: {
  ids: readonly string[];
  choose: (ids: string[]) => void;
}): JSX.Element {
  const asked = useQuestion(DeliveryService.method.listDestinations, seesDestinations() ? {} : undefined);
  if (!seesDestinations())
    return <span class="muted">{may("edit") ? t.reports.recipientsOfAll : t.reports.recipientsNeedEdit}</span>;
  return (
    <Answered asked={asked} height={40}>
      {({ destinations }) =>
        destinations.length === 0 ? (
          <span class="muted">{t.reports.noDestinations}</span>
        ) : (
          <>
            {destinations.map((one) => (
              <label key={one.destinationId} class="choice">
                <input
                  type="checkbox"
                  checked={ids.includes(one.destinationId)}
                  onChange={() => {
                    const rest = ids.filter((id) => id !== one.destinationId);
                    choose(rest.length === ids.length ? [...ids, one.destinationId] : rest);
                  }}
                />{" "}
                {one.name} <span class="muted small">{targetText(one)}</span>
              </label>
            ))}
          </>
        )
      }
    </Answered>
  );
}
