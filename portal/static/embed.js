// <portal-give code="…" mode="panel|button" region="ca" lang="fr">: a panel to give on any page.
// What the page has put into the element stays until the panel has spoken; a link is always there.
(() => {
  const portal = "{PORTAL}";
  const words = "{WORDS}";
  const origin = new URL(portal).origin;
  const [least, most] = [120, 4000];
  const look = `
    :host { display: block; }
    iframe { display: block; box-sizing: border-box; inline-size: 100%; block-size: 24rem; border: 0; border-radius: var(--portal-radius, 0.75rem); }
    p { margin: 0.5rem 0 0; font: inherit; }
    a { display: inline-block; padding-block: 0.25rem; color: var(--portal-link, inherit); }
    a[part=button] { padding: 0.75rem 1.5rem; border-radius: var(--portal-radius, 0.75rem); background: var(--portal-accent, #0f5f57); color: var(--portal-accent-ink, #fff); font-weight: 700; text-decoration: none; }
    a:focus-visible { outline: 3px solid; outline-offset: 2px; }`;

  const make = (name, values) => {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(values)) made.setAttribute(key, value);
    return made;
  };

  class PortalGive extends HTMLElement {
    static observedAttributes = ["code", "mode", "region", "lang", "label"];

    connectedCallback() {
      this.disconnectedCallback();
      this.ended = new AbortController();
      const root = this.shadowRoot || this.attachShadow({ mode: "open" });
      const isButton = this.getAttribute("mode") === "button";
      root.replaceChildren(make("slot", {}));
      if (!this.code) return;
      root.replaceChildren(...(isButton ? [this.link("button")] : this.panel(root)));
      try {
        const sheet = new CSSStyleSheet();
        sheet.replaceSync(look);
        root.adoptedStyleSheets = [sheet];
      } catch {
        // An old browser: as its own style has it.
      }
    }

    disconnectedCallback() {
      this.ended?.abort();
    }

    attributeChangedCallback() {
      if (this.ended && this.isConnected) this.connectedCallback();
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

    link(part) {
      const link = make("a", { href: this.address("/c/", { via: "embed" }), target: "_top", part });
      link.textContent = this.getAttribute("label") || this.say(0);
      return link;
    }

    panel(root) {
      const style = getComputedStyle(this);
      const src = this.address("/embed/", {
        region: this.getAttribute("region"),
        accent: this.digits(root, style.getPropertyValue("--portal-accent").trim()),
        scheme: style.getPropertyValue("--portal-scheme").trim(),
        host: location.origin,
      });
      const [own, below] = [make("slot", {}), make("p", {})];
      const frame = make("iframe", { src, title: this.say(1), part: "frame" });
      below.append(this.link("link"));
      addEventListener("message", (event) => this.hear(event, frame, own), { signal: this.ended.signal });
      return [own, frame, below];
    }

    // Any colour that a style sheet can name, as six digits.
    digits(root, colour) {
      const probe = make("i", {});
      probe.style.color = colour;
      root.append(probe);
      const found = colour && getComputedStyle(probe).color.match(/^rgb\((\d+), (\d+), (\d+)\)$/);
      return found ? found.slice(1).map((part) => Number(part).toString(16).padStart(2, "0")).join("") : "";
    }

    hear(event, frame, own) {
      if (event.origin !== origin || event.source !== frame.contentWindow) return;
      const { type, height } = event.data ?? {};
      if (type !== "portal:height" || !Number.isFinite(height)) return;
      frame.style.blockSize = `${Math.min(Math.max(Math.ceil(height), least), most)}px`;
      own.remove();
    }
  }

  customElements.get("portal-give") || customElements.define("portal-give", PortalGive);
})();
