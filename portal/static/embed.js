// <portal-give code="LWCAN" mode="panel|button" region="ca" lang="fr">: a panel to give on any page.
// The page's own content of the element stays until the panel has spoken, and a link is always there.
(() => {
  const portal = "{PORTAL}";
  const words = "{WORDS}";
  const origin = new URL(portal).origin;
  const [least, most] = [120, 4000];
  const look = `
    :host { display: block; container-type: inline-size; }
    [hidden] { display: none; }
    iframe { display: block; box-sizing: border-box; inline-size: 100%; block-size: 24rem; border: 0; border-radius: var(--portal-radius, 0.75rem); }
    p { margin: 0.5rem 0 0; font: inherit; }
    a { display: inline-block; padding-block: 0.25rem; color: var(--portal-link, inherit); }
    a.button { padding: 0.75rem 1.5rem; border-radius: var(--portal-radius, 0.75rem); background: var(--portal-accent, #0f5f57); color: var(--portal-accent-ink, #fff); font-weight: 700; text-decoration: none; }
    a:focus-visible { outline: 3px solid; outline-offset: 2px; }`;

  class PortalGive extends HTMLElement {
    connectedCallback() {
      this.abort?.abort();
      this.abort = new AbortController();
      const root = this.shadowRoot || this.attachShadow({ mode: "open" });
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(look);
      root.adoptedStyleSheets = [sheet];
      root.replaceChildren(...(this.getAttribute("mode") === "button" ? [this.link(true)] : this.panel()));
    }

    disconnectedCallback() {
      this.abort?.abort();
    }

    get code() {
      return (this.getAttribute("code") || "").trim();
    }

    get speech() {
      return this.lang || this.closest("[lang]")?.lang || "en";
    }

    say(number) {
      const found = words[this.speech.toLowerCase().split(/[-_]/)[0]] || words.en;
      return found[number].replace("{code}", this.code);
    }

    address(path, values) {
      const asked = Object.entries({ lang: this.speech, ...values }).filter(([, value]) => value);
      return `${portal}${path}${encodeURIComponent(this.code)}?${new URLSearchParams(asked)}`;
    }

    link(isButton) {
      const link = document.createElement("a");
      link.href = this.address("/c/", { via: "embed" });
      link.target = "_top";
      link.part = isButton ? "button" : "link";
      link.className = isButton ? "button" : "";
      link.textContent = this.getAttribute("label") || this.say(0);
      return link;
    }

    panel() {
      const style = getComputedStyle(this);
      const frame = document.createElement("iframe");
      frame.title = this.say(1);
      frame.part = "frame";
      frame.src = this.address("/embed/", {
        region: this.getAttribute("region"),
        accent: style.getPropertyValue("--portal-accent").trim(),
        scheme: style.getPropertyValue("--portal-scheme").trim(),
        host: location.origin,
      });
      const below = document.createElement("p");
      below.append(this.link(false));
      const own = document.createElement("slot");
      addEventListener("message", (event) => this.hear(event, frame, own), { signal: this.abort.signal });
      return [own, frame, below];
    }

    hear(event, frame, own) {
      if (event.origin !== origin || event.source !== frame.contentWindow) return;
      const { type, height } = event.data ?? {};
      if (type !== "portal:height" || !Number.isFinite(height)) return;
      frame.style.blockSize = `${Math.min(Math.max(Math.ceil(height), least), most)}px`;
      own.hidden = true;
    }
  }

  customElements.get("portal-give") || customElements.define("portal-give", PortalGive);
})();
