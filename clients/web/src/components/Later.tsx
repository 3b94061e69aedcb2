/** Parts of a page that come after it, so that the page comes sooner. */
import type { ComponentType, JSX } from "preact";
import { useEffect, useState } from "preact/hooks";

/** Shows a part once it is loaded; nothing before. */
export function Later<P extends object>({
  load,
  props,
}: {
  load: () => Promise<{ default: ComponentType<P> }>;
  props: P;
}): JSX.Element | null {
  const [part, setPart] = useState<{ component: ComponentType<P> } | undefined>(undefined);
  useEffect(() => {
    let current = true;
    void load().then(({ default: component }) => {
      if (current) setPart({ component });
    });
    return () => {
      current = false;
    };
  }, []);
  if (part === undefined) return null;
  const Part = part.component;
  return <Part {...props} />;
}
