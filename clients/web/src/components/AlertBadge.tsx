/** The number of open incidents beside the name of the page of alerts. */
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { session } from "../state/session";
import { t } from "../text";
import { followAlerts, openIncidents } from "../live/alerts";

/** The badge; nothing while there is no open incident. */
export default function AlertBadge(): JSX.Element | null {
  const id = session.value?.sessionId;
  useEffect(() => (id === undefined ? undefined : followAlerts(id)), [id]);
  const found = openIncidents.value;
  if (found === undefined || found === 0) return null;
  return (
    <span class="badge" data-badge>
      <span aria-hidden="true">{found}</span>
      <span class="hidden"> {t.alerts.badge(found)}</span>
    </span>
  );
}
