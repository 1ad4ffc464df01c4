for (const image of document.querySelectorAll('img[data-microgrid="KEY"]')) {
  const frame = document.createElement("iframe");
  frame.setAttribute("sandbox", "allow-scripts");
  frame.title = image.alt;
  frame.style.cssText = "width:100%;height:600px;border:0;display:block";
  frame.srcdoc = "PAGE";
  const isLight = () => {
    for (let element = frame; element; element = element.parentElement) {
      const [r, g, b, a = 1] = (getComputedStyle(element).backgroundColor.match(/[\d.]+/g) || [0, 0, 0, 0]).map(Number);
      if (a > 0.5) return r * 0.3 + g * 0.6 + b * 0.1 > 128;
    }
    return true;
  };
  addEventListener("message", (event) => {
    if (event.source !== frame.contentWindow || !event.data || event.data.microgrid !== "height") return;
    frame.style.height = Math.min(20000, Math.ceil(event.data.height) + 4) + "px";
    frame.contentWindow.postMessage({ theme: isLight() ? "light" : "dark" }, "*");
  });
  image.replaceWith(frame);
}
