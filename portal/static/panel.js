// Tells the page around this panel how high it is: that page alone, and only where it may show it.
const host = document.documentElement.dataset.host;
if (host && parent !== window) {
  const tell = () => {
    const height = Math.ceil(document.body.getBoundingClientRect().height);
    parent.postMessage({ type: "portal:height", height }, host);
  };
  new ResizeObserver(tell).observe(document.body);
}
