import sys,tempfile,time,json
from pathlib import Path
from tests.serving import serving,logged_in,FLAGS,CHROMIUM
from tests.review.filling import fill,gold,HOSTILE
from playwright.sync_api import sync_playwright
h=Path(tempfile.mkdtemp())
which=sys.argv[1:] 
with serving(h,review_retrieval="false") as s:
    fill(s.store,gold(Path("/work/shared/gold/dev.tsv")))
    fill(s.store,[(n,"CT","敌意医院",3) for n in HOSTILE],"h")
    with sync_playwright() as p:
        b=p.chromium.launch(executable_path=str(CHROMIUM),args=list(FLAGS))
        def shot(name,lang,w,hh,steps):
            c=logged_in(b,s,"lead" if 'lead' in name else "reviewer",lang,w,hh); pg=c.new_page()
            pg.on("console",lambda m: print("CONSOLE",m.text) if m.type in("error","warning") else None)
            pg.on("pageerror",lambda m: print("ERR",m))
            pg.goto(s.url+"/ui/"); 
            try:
                pg.locator(".review .card[data-cid]").wait_for(timeout=60000)
                for k in steps:
                    if k.startswith("t:"): pg.keyboard.type(k[2:])
                    elif k.startswith("w:"): pg.wait_for_timeout(int(k[2:]))
                    else: pg.keyboard.press(k)
                    pg.wait_for_timeout(150)
            except Exception as e: print(name,e)
            pg.screenshot(path=f"/tmp/shots/{name}.png"); print(name, c.strayed); c.close()
        Path("/tmp/shots").mkdir(exist_ok=True)
        import runpy
        exec(open("/tmp/steps.py").read())
        b.close()
    print(s.log.read_text()[-800:])
